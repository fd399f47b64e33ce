"""Words that are nearly right, comments, quotes and folders: the line says what was meant, or the
rule."""

import os
import unittest

from inputs import random_images, write_set
from support import BASE, RunTest, job_text, launch, run_job


class Slips(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_set(os.path.join(cls.folder, "set.h5"), {"a": random_images(4)})

    def refused(self, job, words, *options):
        finished = run_job(self.folder, job, *options)
        self.assert_one_line(finished, 2, "^barydef: ")
        for word in words:
            self.assertIn(word, finished.err, finished)

    def test_keys_and_sections_that_are_nearly_right(self):
        for name, meant in (
            ("solver.gama", "did you mean solver.gamma?"),
            ("solver.Gamma", "did you mean solver.gamma?"),
            ("solver.iteration", "did you mean solver.iterations?"),
            ("solver.kernle", "did you mean solver.kernel?"),
            ("output.flie", "did you mean output.file?"),
            ("run.iterations", "did you mean solver.iterations?"),
            ("solver.batch", "did you mean victim.batch?"),
            ("solvr.gamma", "did you mean [solver]?"),
            ("marginal.set", "did you mean [marginals]?"),
            ("swep.solver.gamma", "did you mean [sweep]?"),
        ):
            with self.subTest(name):
                self.refused({name: "1"}, [meant])
                if not name.startswith("swep"):
                    self.refused({}, [meant], "--set", f"{name}=1")
        self.refused({"sweep.solver.gama": "1, 2"}, ["did you mean solver.gamma?"])

    def test_words_that_are_not_close_suggest_nothing(self):
        for name in "solver.colour", "weather.today":
            finished = run_job(self.folder, {name: "1"})
            self.assertEqual(finished.status, 2, finished)
            self.assertNotIn("did you mean", finished.err)

    def test_commands_that_are_nearly_right(self):
        for word, meant in (
            ("rnu", "run"),
            ("inspct", "inspect"),
            ("chekc", "check"),
            ("Convert", "convert"),
            ("reprot", "report"),
        ):
            with self.subTest(word):
                for arguments in (word,), ("help", word):
                    finished = launch(*arguments)
                    self.assertEqual(finished.status, 2, finished)
                    self.assertIn(f"did you mean {meant}?", finished.err)
        self.assertNotIn("did you mean", launch("weather").err)

    def test_a_comment_with_a_hash_behind_a_value_tells_the_rule(self):
        for name, value in (
            ("solver.gamma", "0.02 # the paper's"),
            ("solver.kernel", "auto # any"),
            ("input.file", "set.h5 # mine"),
        ):
            with self.subTest(name):
                self.refused({name: value}, ["#", '";"', "comment"])

    def test_quotes_tell_the_rule(self):
        for name, value in (
            ("input.file", '"set.h5"'),
            ("solver.kernel", "'auto'"),
            ("solver.gamma", '"0.02"'),
        ):
            with self.subTest(name):
                self.refused({name: value}, [name, "quotes"])
        self.refused({}, ["solver.kernel", "quotes"], "--set", 'solver.kernel="auto"')

    def test_a_semicolon_in_a_path_tells_the_rule(self):
        self.refused({}, ['" ;"', "comment", "link"], "--set", "input.file=my ;set.h5")
        for path in "my ;set.h5", "my ; set.h5":
            self.refused({"input.file": path}, ["no file", "/my;", '" ;"', "comment", "link"])
        self.refused({"victim.file": "my\t;net.pt"}, ["no file", '" ;"', "link"])
        finished = run_job(self.folder, {"input.file": "set.h5 ; mine"}, "--overwrite")
        self.assertEqual(finished.status, 0, finished)

    def test_the_folder_that_is_missing_is_named(self):
        for path, folder in (
            ("none/result.h5", f"no folder {self.folder}/none/"),
            ("none/deep/result.h5", "none/deep/"),
        ):
            for option in (), ("--dry-run",):
                with self.subTest(path, option=option):
                    self.refused({"output.file": path}, [folder, "output.file"], *option)

    def test_check_and_inspect_say_how_much_is_done(self):
        with open(os.path.join(self.folder, "long.ini"), "w") as file:
            file.write(job_text({**BASE, "output.file": "part.h5", "run.block": 1}))
        job = os.path.join(self.folder, "long.ini")
        stopped = launch("run", job, "--set", "run.max_minutes=1e-7")
        self.assertEqual(stopped.status, 75, stopped)
        path = os.path.join(self.folder, "part.h5")
        checked, shown = launch("check", path), launch("inspect", path)
        self.assertEqual(checked.status, 1, checked)
        self.assertRegex(checked.out, r"NOT COMPLETE: \d of 4 images are done")
        self.assert_one_line(checked, 1, "part.h5: not complete; --resume")
        self.assertEqual(shown.status, 0, shown)
        self.assertRegex(shown.out, r"NOT COMPLETE: \d of 4 images are done \(\d+ %\)")
        self.assertEqual(launch("run", job, "--resume").status, 0)
        self.assertEqual(launch("check", path).status, 0)
        self.assertNotIn("images are done", launch("inspect", path).out)


if __name__ == "__main__":
    unittest.main()
