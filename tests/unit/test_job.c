#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define REQUIRED "[input]\nfile = in.h5\n[output]\nfile = /tmp/out.h5\n"

static bd_job_t *parsed(const char *text, int count, const char *const *sets) {
  bd_job_t *job;
  bd_error_t error = {0};
  cr_assert_eq(bd_job_parse(text, "job.ini", "/some/where", count, sets, &job, &error), BD_OK, "%s",
               error.message);
  return job;
}

Test(job, defaults_are_the_papers_setting) {
  bd_job_t *job = parsed(REQUIRED, 0, NULL);
  const bd_parameters_t *p = bd_job_point(job, 0);
  cr_assert(p->solver.gamma == 0.02 && p->solver.theta == 1e5 && p->solver.tau == 0.2 &&
            p->solver.window == 7);
  cr_assert(p->solver.iterations.count == 1 && p->solver.iterations.values[0] == 200);
  cr_assert(p->solver.marginals.count == 6 && p->blur_sigma == 0.5 && p->images == 1 &&
            p->clean == 1);
  cr_assert_str_eq(p->input_file, "/some/where/in.h5");
  cr_assert_str_eq(p->output_file, "/tmp/out.h5");
  cr_assert_str_eq(p->victim_file, "");
  cr_assert_eq(bd_job_run_count(job), 1);
  bd_job_free(job);
}

Test(job, sweep_is_a_product_last_fastest_and_iterations_fastest_of_all) {
  bd_job_t *job = parsed(REQUIRED "[solver]\niterations = 10, 20\n[sweep]\nsolver.gamma = 0.1, "
                                  "0.5\nmarginals.set = B4, B6, identity + rotate 2\n",
                         0, NULL);
  cr_assert_eq(bd_job_point_count(job), 6);
  cr_assert_eq(bd_job_run_count(job), 12);
  const struct {
    int run, count, iterations;
    double gamma;
  } known[] = {{0, 4, 10, 0.1}, {1, 4, 20, 0.1}, {2, 6, 10, 0.1},
               {5, 2, 20, 0.1}, {6, 4, 10, 0.5}, {11, 2, 20, 0.5}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    int point, snapshot;
    bd_job_run(job, known[i].run, &point, &snapshot);
    const bd_parameters_t *p = bd_job_point(job, point);
    cr_assert_eq(p->solver.marginals.count, known[i].count);
    cr_assert_eq(p->solver.iterations.values[snapshot], known[i].iterations);
    cr_assert(p->solver.gamma == known[i].gamma);
  }
  char label[200];
  bd_job_run_label(job, 11, label, sizeof label);
  cr_assert_str_eq(label, "gamma 0.5, set identity + rotate 2, iterations 20");
  bd_job_free(job);
}

Test(job, overrides_win_and_the_last_of_them) {
  const char *const sets[] = {"solver.gamma=0.5", "solver.gamma = 0.7", "sweep.solver.tau=0.1,0.2",
                              "output.file=x.h5"};
  bd_job_t *job = parsed(REQUIRED "[solver]\ngamma = 0.1\n", 4, sets);
  cr_assert(bd_job_point(job, 0)->solver.gamma == 0.7);
  cr_assert_eq(bd_job_run_count(job), 2);
  cr_assert_str_eq(bd_job_point(job, 1)->output_file, "/some/where/x.h5");
  bd_job_free(job);
}

Test(job, its_text_parses_to_the_same_job) {
  bd_job_t *job = parsed(REQUIRED "[marginals]\nset = identity + rotate -2.5 + translate 0 "
                                  "3\n[solver]\nweights = 0.5 0.25 0.25\n"
                                  "iterations=1,2,3\n[sweep]\nsolver.gamma=0.1,0.2\n",
                         0, NULL);
  bd_job_t *again = parsed(bd_job_text(job), 0, NULL);
  cr_assert_str_eq(bd_job_text(job), bd_job_text(again));
  cr_assert_eq(bd_job_run_count(again), 6);
  bd_job_free(job);
  bd_job_free(again);
}

/* A section without a key makes an attack with its defaults, and names keep their whole length. */
Test(job, section_of_an_attack_may_be_empty_and_long) {
  const char *const one = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
                    *const two = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2";
  char text[512];
  snprintf(text, sizeof text, "%s[attack %s]\n[attack %s]\nsteps = 3\n", REQUIRED, one, two);
  bd_job_t *job = parsed(text, 0, NULL);
  cr_assert_eq(bd_job_made_count(job), 2);
  cr_expect_str_eq(bd_job_made(job, 0)->name, one);
  cr_expect_str_eq(bd_job_made(job, 1)->name, two);
  cr_expect(bd_job_made(job, 0)->steps == 0 && bd_job_made(job, 1)->steps == 3);
  bd_job_free(job);
}

/* The attacks of a preset come first, in its order.  Sections of their names change single keys. */
Test(job, preset_makes_the_papers_attacks_and_sections_change_them) {
  static const char *const names[] = {"l2_pgd",        "l2_carlini_wagner", "linf_pgd",     "fgsm",
                                      "linf_deepfool", "autoattack",        "linf_growing", "mine"};
  const struct {
    const char *preset;
    double linf, l2;
  } presets[] = {{"mnist", 0.1, 1},
                 {"fashion_mnist", 0.1, 1},
                 {"cifar10", 8.0 / 255, 0.5},
                 {"cifar100", 8.0 / 255, 0.5}};
  for (size_t p = 0; p < sizeof presets / sizeof *presets; p++) {
    char text[512];
    snprintf(
        text, sizeof text,
        "%s[attack mine]\nepsilon = 0.3\n[attack linf_pgd]\nsteps = 7\n[attacks]\npreset = %s\n",
        REQUIRED, presets[p].preset);
    bd_job_t *job = parsed(text, 0, NULL), *again = parsed(bd_job_text(job), 0, NULL);
    cr_assert_str_eq(bd_job_text(job), bd_job_text(again));
    cr_assert_eq(bd_job_made_count(job), 8);
    for (int i = 0; i < 8; i++) {
      const bd_made_attack_t *made = bd_job_made(job, i);
      const double epsilon = i == 6                            ? 0
                             : i == 7                          ? 0.3
                             : made->norm == BD_ATTACK_NORM_L2 ? presets[p].l2
                                                               : presets[p].linf;
      cr_expect_str_eq(made->name, names[i]);
      cr_expect_eq(made->epsilon, epsilon, "%s: %s: epsilon %g", presets[p].preset, names[i],
                   made->epsilon);
      cr_expect_eq(made->norm == BD_ATTACK_NORM_L2, i < 2);
      cr_expect_eq(made->steps == 7, i == 2);
    }
    bd_job_free(job);
    bd_job_free(again);
  }
}

Test(job, long_lines_comments_and_indentation_are_read) {
  char text[6000] = "# " /* a long comment */, expected[3000] = "/";
  memset(text + 2, 'c', 400);
  strcpy(text + 402, "\n[input] ; a comment\n  file = /");
  for (int i = 0; i < 1500; i++)
    strcat(text, i % 97 == 50 ? "#" : "p"), strcat(expected, i % 97 == 50 ? "#" : "p");
  strcat(text, " ; comment\n\t[output]\r\n   file = o\n[solver]\n  ; another\n  gamma : 0.5\n  "
               "iterations =");
  for (int i = 0; i < 60; i++) sprintf(text + strlen(text), " %d,", 100 + i);
  bd_job_t *job = parsed(text, 0, NULL);
  cr_assert_str_eq(bd_job_point(job, 0)->input_file, expected);
  cr_assert(bd_job_point(job, 0)->solver.gamma == 0.5);
  cr_assert_eq(bd_job_run_count(job), 60);
  bd_job_free(job);
}

Test(job, every_parameter_documents_itself) {
  int count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  for (int i = 0; i < count; i++) {
    char allowed[256] = "";
    bd_parameter_allowed(&table[i], allowed, sizeof allowed);
    cr_assert(allowed[0] && table[i].help[0], "%s.%s", table[i].section, table[i].key);
    for (int j = 0; j < i; j++)
      cr_assert(strcmp(table[i].section, table[j].section) || strcmp(table[i].key, table[j].key));
  }
}

/* The text that follows the required part, and what the message must contain. */
static const struct {
  const char *text, *parts[3];
} bad[] = {
    {"[solver]\ngama = 1\n", {"job.ini:6", "solver.gama: unknown key", "gamma, theta, tau"}},
    {"[solvers]\ngamma = 1\n", {"job.ini:6", "[solvers]: unknown section", "[solver]"}},
    {"[solver]\ngamma = 1\n\ngamma = 2\n", {"job.ini:8", "solver.gamma: given before", "line 6"}},
    {"[solver]\ngamma = 0\n", {"job.ini:6", "solver.gamma = 0", "from 0.001 to 1000"}},
    {"[solver]\ngamma = nan\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[solver]\ngamma = inf\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[solver]\ngamma = 1e999\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[solver]\ngamma = 0x10\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[solver]\ngamma = 1 2\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[solver]\ngamma =\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[solver]\nwindow = 4\n", {"job.ini:6", "solver.window = 4", "odd integer"}},
    {"[solver]\nwindow = 7.5\n", {"job.ini:6", "solver.window", "odd integer"}},
    {"[solver]\niterations = 20, 10\n", {"job.ini:6", "solver.iterations", "ascending"}},
    {"[solver]\niterations = -1\n", {"job.ini:6", "solver.iterations", "ascending"}},
    {"[solver]\niterations =\n", {"job.ini:6", "solver.iterations", "ascending"}},
    {"[solver]\ncost = l3\n", {"job.ini:6", "solver.cost = l3", "l1"}},
    {"[solver]\nweights = 0.5, 0.5\n", {"job.ini", "2 weights", "6 marginals"}},
    {"[solver]\nweights = 1 0 1 1 1 1\n", {"job.ini:6", "solver.weights", "positive"}},
    {"[marginals]\nset = B5\n", {"job.ini:6", "marginals.set = B5", "B4, B6"}},
    {"[run]\nblock = 0\n", {"job.ini:6", "run.block = 0", "from 1"}},
    {"[sweep]\nsolver.gamma = 0.1, x\n", {"job.ini:6", "solver.gamma = x", "a number"}},
    {"[sweep]\nsolver.gamma = 0.1,\n", {"job.ini:6", "solver.gamma", "a number"}},
    {"[sweep]\ninput.file = a, b\n", {"job.ini:6", "input.file cannot be swept", "[solver]"}},
    {"[sweep]\nsolver.gama = 1\n", {"job.ini:6", "solver.gama", "unknown key"}},
    {"[sweep]\ngamma = 1\n", {"job.ini:6", "gamma", "section.key"}},
    {"[sweep]\nsolver.gamma = 1\nsolver.gamma = 2\n", {"job.ini:7", "given before", "job.ini:6"}},
    {"[sweep]\nsolver.gamma = 0.02, 0.1, 0.02\n",
     {"job.ini:6", "solver.gamma", "0.02 is given twice"}},
    {"[sweep]\nsolver.tau = 0.2, 2e-1\n", {"job.ini:6", "solver.tau", "2e-1 is given twice"}},
    {"[sweep]\nmarginals.set = B4, B4\n", {"job.ini:6", "marginals.set", "B4 is given twice"}},
    {"[baseline]\nviews = mean, mean\n", {"job.ini:6", "baseline.views", "rounded"}},
    {"[baseline]\nviews = mean, seen\n", {"job.ini:6", "baseline.views", "rounded"}},
    {"[attacks]\npreset = mnits\n", {"job.ini:6", "attacks.preset", "fashion_mnist"}},
    {"[solvr]\n", {"job.ini:5", "unknown section", "[solver]"}},
    {"[solver]\nno equals sign\n", {"job.ini", "line 6", "key = value"}},
    {"[solver\n", {"job.ini", "line 5", "section"}},
};

Test(job, each_mistake_is_named_with_its_line) {
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[1000];
    bd_job_t *job;
    bd_error_t error = {0};
    snprintf(text, sizeof text, "%s%s", REQUIRED, bad[i].text);
    cr_assert_eq(bd_job_parse(text, "job.ini", "/", 0, NULL, &job, &error), BD_BAD_INPUT,
                 "%s was taken", bad[i].text);
    cr_assert(job == NULL);
    for (int part = 0; part < 3; part++)
      cr_assert(strstr(error.message, bad[i].parts[part]), "\"%s\" is not in: %s",
                bad[i].parts[part], error.message);
    cr_assert(!strchr(error.message, '\n'));
  }
}

Test(job, points_are_kept_and_share_their_texts) {
  bd_job_t *job = parsed(REQUIRED "[sweep]\nsolver.gamma = 0.1, 0.5\n", 0, NULL);
  const bd_parameters_t *first = bd_job_point(job, 0), *second = bd_job_point(job, 1);
  cr_assert(first == bd_job_point(job, 0) && first != second);
  cr_assert(first->input_file == second->input_file && first->solver.gamma == 0.1 &&
            second->solver.gamma == 0.5);
  cr_assert(sizeof *first < 4096);
  bd_job_free(job);
}

Test(job, names_are_a_set_in_any_order) {
  const char *const texts[] = {"baseline.views=mean, rounded", "baseline.views = rounded mean",
                               "baseline.views="};
  unsigned views[3];
  for (int i = 0; i < 3; i++) {
    bd_job_t *job = parsed(REQUIRED, 1, &texts[i]);
    views[i] = bd_job_point(job, 0)->views;
    bd_job_free(job);
  }
  cr_assert(views[0] == views[1] && views[0] != 0 && views[2] == 0);
}

Test(job, input_and_output_must_be_named) {
  bd_job_t *job;
  bd_error_t error = {0};
  cr_assert_eq(bd_job_parse("[input]\nfile = a\n", "job.ini", "/", 0, NULL, &job, &error),
               BD_BAD_INPUT);
  cr_assert(strstr(error.message, "output.file is not given"));
  cr_assert_eq(bd_job_parse("", "job.ini", "/", 0, NULL, &job, &error), BD_BAD_INPUT);
  cr_assert(strstr(error.message, "input.file is not given"));
}

Test(job, bad_overrides_are_refused_by_the_name_of_the_option) {
  const char *const sets[] = {
      "solver.gamma", "gamma=1",         "solver.gama=1", "solver.gamma=-1", "=1",
      "sweep.x=1",    "input.file=a ;b", "input.file=;b", "input.file=a\nb"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    bd_job_t *job;
    bd_error_t error = {0};
    cr_assert_eq(bd_job_parse(REQUIRED, "job.ini", "/", 1, &sets[i], &job, &error), BD_BAD_INPUT,
                 "%s was taken", sets[i]);
    cr_assert(strstr(error.message, "--set"), "%s", error.message);
  }
}

Test(job, solver_options_are_read_from_settings) {
  const char *const settings[] = {"solver.gamma=1", "solver.iterations = 50, 100 ",
                                  "marginals.set = B4", "solver.kernel = fftw"};
  bd_solver_options_t *options;
  bd_error_t error = {0};
  cr_assert_eq(bd_solver_options_parse("here", 4, settings, &options, &error), BD_OK, "%s",
               error.message);
  bd_job_t *job = parsed(REQUIRED, 4, settings);
  const bd_solver_options_t *of_job = &bd_job_point(job, 0)->solver;
  cr_assert(options->gamma == 1 && options->theta == of_job->theta);
  cr_assert_eq(bd_solver_options_snapshots(options), 2);
  cr_assert(bd_solvers_move_alike(options, of_job) && options->marginals.count == 4);
  cr_assert(options->kernel == BD_KERNEL_FFTW && options->window == of_job->window);
  cr_assert(options->shortcuts == of_job->shortcuts && options->tau == of_job->tau);
  bd_job_free(job);
  bd_solver_options_free(options);
}

Test(job, settings_that_are_not_allowed_are_named) {
  const struct {
    const char *settings[2], *message;
  } known[] = {
      {{"solver.gamma=-1"}, "here: solver.gamma = -1 is not allowed; allowed: a number from 0.001"},
      {{"solver.gamm=1"}, "here: solver.gamm: unknown key; allowed in [solver]: gamma, theta"},
      {{"sol.gamma=1"}, "here: sol.gamma: unknown key; allowed: keys of [marginals] [solver]"},
      {{"run.block=1"}, "here: run.block changes nothing here; allowed: keys of [marginals] [sol"},
      {{"solver.tau=1", "solver.tau=1"}, "here: solver.tau is given twice"},
      {{"solver.weights=1 2"}, "here: solver.weights: 2 weights for 6 marginals"},
      {{"gamma"}, "here: \"gamma\" is not of the form section.key=value"},
      {{"gamma=1"}, "here: \"gamma\" is not of the form section.key"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    bd_solver_options_t *options;
    bd_error_t error = {0};
    const int count = known[i].settings[1] ? 2 : 1;
    cr_assert_eq(bd_solver_options_parse("here", count, known[i].settings, &options, &error),
                 BD_BAD_INPUT);
    cr_assert(options == NULL &&
                  !strncmp(bd_error_message(&error), known[i].message, strlen(known[i].message)),
              "%s", error.message);
  }
}
