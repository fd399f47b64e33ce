#include "pipeline/chain.h"
#include "pipeline/steps.h"
#include "views/views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(const bd_chain_t *c) {
  return (size_t)c->model.channels * (size_t)c->model.height * (size_t)c->model.width;
}

static int needs_marginals(const bd_made_attack_t *attack) {
  return attack->through == BD_ATTACK_THROUGH_MEAN || attack->through == BD_ATTACK_THROUGH_PURIFIED;
}

bd_view_t chain_view(const bd_made_attack_t *attack) {
#define BD_VIEW_VICTIM BD_VIEW_ATTACKED
#define ROW(NAME, name, meaning) [BD_ATTACK_THROUGH_##NAME] = BD_VIEW_##NAME,
  static const bd_view_t views[] = {BD_ATTACK_THROUGH_TABLE(ROW)};
#undef ROW
#undef BD_VIEW_VICTIM
  return views[attack->through];
}

/* ---- forward --------------------------------------------------------------------- */

static void poll(const bd_chain_t *c) {
  if (c->poll) c->poll(c->context);
}

static bd_view_source_t source_of(const bd_chain_t *c, int count) {
  return (bd_view_source_t){.count = count,
                            .channels = c->model.channels,
                            .height = c->model.height,
                            .width = c->model.width,
                            .attacked = c->images,
                            .parameters = c->parameters};
}

/* Set chain->shown to what the victim sees of the images, rounded to float32 as in a run.  A view
   that failed is zeros. */
static bd_status_t show(bd_chain_t *c, const attack_images_t *images, bd_error_t *error) {
  const size_t size = size_of(c), values = (size_t)images->count * size;
  const bd_view_source_t source = source_of(c, images->count);
  const double *view = c->view;
  bd_status_t status = BD_OK;
  poll(c);
  if (c->attack->through == BD_ATTACK_THROUGH_VICTIM) {
    memcpy(c->shown, images->pixels, values * sizeof *c->shown);
    return BD_OK;
  }
  for (size_t j = 0; j < values; j++) c->images[j] = (double)images->pixels[j];
  if (!needs_marginals(c->attack))
    status = bd_view_make(chain_view(c->attack), &source, c->view, &view, error);
  else
    bd_solver_run(c->solver, images->count, c->images, c->view, c->mean, c->reports, c->poll,
                  c->context);
  if (c->attack->through == BD_ATTACK_THROUGH_MEAN) view = c->mean;
  for (int i = 0; status == BD_OK && i < images->count; i++)
    step_store(size, view + (size_t)i * size, c->shown + (size_t)i * size);
  return status;
}

/* ---- backward -------------------------------------------------------------------- */

/* Set chain->pulled to the derivative by the images, from that by the view in chain->adjoint. */
static bd_status_t pull_back(bd_chain_t *c, int count, bd_error_t *error) {
  const size_t values = (size_t)count * size_of(c);
  const int through = c->attack->through, gradient = c->attack->gradient;
  const bd_view_source_t source = source_of(c, count);
  if (gradient == BD_ATTACK_GRADIENT_IDENTITY) {
    memcpy(c->pulled, c->adjoint, values * sizeof *c->pulled);
    return BD_OK;
  }
  if (!needs_marginals(c->attack))
    return bd_view_vjp(chain_view(c->attack), &source, c->adjoint, c->pulled, error);
  if (through == BD_ATTACK_THROUGH_MEAN || gradient == BD_ATTACK_GRADIENT_MEAN)
    return bd_solver_mean_vjp(c->solver, count, c->images, c->adjoint, c->pulled, error);
  return bd_solver_vjp(c->solver,
                       &(bd_vjp_t){.count = count,
                                   .images = c->images,
                                   .adjoints = c->adjoint,
                                   .purified = c->view,
                                   .gradients = c->pulled,
                                   .reports = c->reports},
                       error);
}

/* ---- the model ------------------------------------------------------------------- */

/* Ask the victim, and remember images for which it gives NaN. */
static bd_status_t ask(bd_chain_t *c, bd_victim_request_t *request, bd_error_t *error) {
  memset(c->asked, 0, (size_t)request->count);
  request->failed = c->asked;
  bd_status_t status = bd_victim_ask(c->victim, request, error);
  for (int i = 0; i < request->count; i++)
    if (c->asked[i] && c->failed) c->failed[request->numbers[i] - c->first] = 1;
  return status;
}

static bd_status_t logits_of(void *state, const attack_images_t *images, float *logits,
                             bd_error_t *error) {
  bd_chain_t *c = state;
  bd_status_t status = show(c, images, error);
  bd_victim_request_t request = {
      .count = images->count, .numbers = images->numbers, .images = c->shown, .logits = logits};
  return status == BD_OK ? ask(c, &request, error) : status;
}

static bd_status_t gradient_of(void *state, const attack_images_t *images,
                               const attack_weights_t *weights, float *logits, float *gradient,
                               bd_error_t *error) {
  bd_chain_t *c = state;
  const size_t values = (size_t)images->count * size_of(c);
  const int is_bare = c->attack->through == BD_ATTACK_THROUGH_VICTIM;
  bd_status_t status = show(c, images, error);
  bd_victim_request_t request = {.count = images->count,
                                 .numbers = images->numbers,
                                 .images = c->shown,
                                 .weigh = weights->weigh,
                                 .context = weights->state,
                                 .logits = logits,
                                 .gradients = is_bare ? gradient : c->gradient};
  if (status == BD_OK) status = ask(c, &request, error);
  if (status != BD_OK || is_bare) return status;
  for (size_t j = 0; j < values; j++) c->adjoint[j] = (double)c->gradient[j];
  status = pull_back(c, images->count, error);
  /* An image that failed has no gradient, and stays where it is. */
  for (size_t j = 0; status == BD_OK && j < values; j++)
    gradient[j] = isfinite(c->pulled[j]) ? (float)c->pulled[j] : 0;
  return status;
}

/* ---- making ---------------------------------------------------------------------- */

static bd_status_t make_solver(bd_chain_t *c, bd_error_t *error) {
  bd_solver_options_t options = c->parameters->solver;
  if (!needs_marginals(c->attack)) return BD_OK;
  /* The mean of the marginals takes no iteration. */
  if (c->attack->through == BD_ATTACK_THROUGH_MEAN) options.iterations = (bd_iterations_t){1, {0}};
  return bd_solver_create(&options, c->model.channels, c->model.height, c->model.width, NULL,
                          &c->solver, error);
}

bd_status_t chain_create(bd_chain_t *c, const bd_chain_shape_t *shape, bd_victim_t *victim,
                         const bd_made_attack_t *attack, const bd_parameters_t *parameters,
                         bd_error_t *error) {
  *c = (bd_chain_t){.model = {.channels = shape->channels,
                              .height = shape->height,
                              .width = shape->width,
                              .classes = shape->classes,
                              .state = c,
                              .logits = logits_of,
                              .gradient = gradient_of},
                    .victim = victim,
                    .attack = attack,
                    .parameters = parameters,
                    .room = shape->room};
  const size_t room = (size_t)shape->room, values = room * size_of(c);
  double **const reals[] = {&c->images, &c->view, &c->mean, &c->adjoint, &c->pulled};
  int ready = 1;
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    ready &= (*reals[i] = malloc(values * sizeof **reals[i])) != NULL;
  c->shown = malloc(values * sizeof *c->shown);
  c->gradient = malloc(values * sizeof *c->gradient);
  c->reports = malloc(room * sizeof *c->reports);
  c->asked = malloc(room);
  if (ready && c->shown && c->gradient && c->reports && c->asked) return make_solver(c, error);
  return bd_fail(error, BD_FAILED, "no memory to attack %d images; a smaller run.block needs less",
                 shape->room);
}

void chain_free(bd_chain_t *c) {
  bd_solver_destroy(c->solver);
  free(c->images);
  free(c->view);
  free(c->mean);
  free(c->adjoint);
  free(c->pulled);
  free(c->shown);
  free(c->gradient);
  free(c->reports);
  free(c->asked);
  *c = (bd_chain_t){0};
}

double chain_bytes(const bd_chain_shape_t *shape, const bd_made_attack_t *attack,
                   const bd_parameters_t *parameters) {
  /* Five arrays in float64 and two in float32, and about as many of the attack's own. */
  enum { VALUE = 5 * 8 + 2 * 4 + 8 * 4 };
  const double values = (double)shape->room * shape->channels * shape->height * shape->width;
  double bytes = VALUE * values;
  if (needs_marginals(attack))
    bytes += bd_solver_bytes(&parameters->solver, shape->height, shape->width);
  if (attack->through == BD_ATTACK_THROUGH_PURIFIED && attack->gradient == BD_ATTACK_GRADIENT_EXACT)
    bytes += BD_VJP_MEMORY;
  return bytes;
}
