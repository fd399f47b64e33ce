"""Keys of attacks in [sweep]: each run says its own values, and none is another run's."""

import os
import unittest

import h5py

from inputs import random_images, write_set, write_victim
from results import contents, read
from support import DEMO_SET, DEMO_VICTIM, RunTest, launch, need_victim, purify, run_job

EPSILONS = 0.05, 8 / 255, 0.2
JOB = {
    "input.file": DEMO_SET,
    "input.attacks": "fgsm",
    "input.limit": 24,
    "victim.file": DEMO_VICTIM,
    "solver.iterations": 3,
    "attack bare.steps": 3,
    "attack exact.steps": 2,
    "attack exact.through": "purified",
    "attack norms.type": "fgsm",
    **{f"attack {name}.sample": 0 for name in ("bare", "exact", "norms")},
    "sweep.attack.epsilon": "0.05, 8/255, 0.2",
    "sweep.solver.gamma": "0.1, 1",
    "sweep.attack norms.norm": "linf, l2",
}


class SweptAttacks(RunTest):
    @classmethod
    def setUpClass(cls):
        need_victim()
        super().setUpClass()

    def test_each_run_has_its_own_attacks(self):
        path = purify(self.folder, JOB, output="swept.h5")
        rows = read(path, "statistics")
        with h5py.File(path) as file:
            for number, (name, run) in enumerate(file["runs"].items()):
                epsilon, gamma = EPSILONS[number // 4], (0.1, 1)[number // 2 % 2]
                norm = ("linf", "l2")[number % 2]
                self.assertEqual(run.attrs["attack.epsilon"], epsilon)
                self.assertEqual(run.attrs["attack norms.norm"].decode(), norm)
                self.assertEqual(run.attrs["solver.gamma"], gamma)
                for attack in "bare", "exact", "norms":
                    self.assertEqual(run[attack].attrs["epsilon"], epsilon)
                    (row,) = rows[(rows["run"] == number) & (rows["attack"] == attack.encode())]
                    self.assertEqual(row["epsilon"], epsilon)
                self.assertEqual(run["norms"].attrs["norm"].decode(), norm)
                self.assertEqual(run["fgsm"].attrs["epsilon"], 0.1)
            self.assertEqual(len(file["worst_case"]), 12)
        checked = launch("check", path)
        self.assertEqual(checked.status, 0, checked)
        # A point is what a job of its values alone makes, whose images are in their ball.
        alone = {name: value for name, value in JOB.items() if not name.startswith("sweep.")}
        for attack in "bare", "exact", "norms":
            alone[f"attack {attack}.epsilon"] = "8/255"
        alone |= {"solver.gamma": 1, "attack norms.norm": "l2"}
        other = purify(self.folder, alone, output="alone.h5")
        for attack in "bare", "exact", "norms", "clean":
            self.assertEqual(
                {
                    key: value
                    for key, value in contents(path, f"runs/007/{attack}").items()
                    if "source" not in key
                },
                {
                    key: value
                    for key, value in contents(other, f"runs/000/{attack}").items()
                    if "source" not in key
                },
                attack,
            )

    def test_parts_ranks_and_a_resume_make_the_same(self):
        write_set(
            os.path.join(self.folder, "set.h5"),
            {"a": random_images(11, 3)},
            clean=random_images(11, 3, seed=1),
        )
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {**JOB, "input.file": "set.h5", "input.attacks": "a", "victim.file": "victim.pt"}
        whole = purify(self.folder, {**job, "run.block": 4}, output="whole.h5", ranks=2)
        expected = contents(whole)
        parts = [
            purify(self.folder, job, f"--part={part}/2", output=f"part{part}.h5") for part in (1, 2)
        ]
        joined = os.path.join(self.folder, "joined.h5")
        merged = launch("merge", joined, *parts)
        self.assertEqual(merged.status, 0, merged)
        self.assert_same(expected, contents(joined))
        with h5py.File(whole, "r+") as file:
            file["checksums/005/bare"][2:6] = 0
            file["checksums/006/bare"][:] = 0
            file.attrs["complete"] = 0
        purify(self.folder, job, "--resume", output="whole.h5")
        self.assert_same(expected, contents(whole))
        for setting, word in (
            ("sweep.attack.epsilon=0.05,8/255,0.3", 'attack bare.epsilon is "0.2" there, "0.3"'),
            ("attack bare.seed=1", 'attack bare.seed is "0" there, "1" now'),
        ):
            finished = run_job(
                self.folder, {**job, "output.file": "whole.h5"}, "--resume", "--set", setting
            )
            self.assertEqual(finished.status, 2, finished)
            self.assertIn(word, finished.err)

    def test_what_cannot_be_swept_is_refused(self):
        for values, word in (
            ({"sweep.attack bare.epsilon": "1, 2"}, "attack.epsilon varies it too"),
            ({"sweep.attack nobody.epsilon": "1, 2"}, "no section [attack nobody]"),
            ({"sweep.attack bare.speed": "1, 2"}, "unknown key; allowed: type, norm"),
            ({"sweep.attack.epsilon": "8/255, 8/255"}, "is given twice"),
            ({"sweep.attack.epsilon": "0.1, 8/0"}, "a ratio such as 8/255"),
            ({"sweep.attack bare.type": "pgd, carlini_wagner"}, "needs norm = l2"),
        ):
            with self.subTest(**values):
                finished = run_job(self.folder, {**JOB, **values}, "--overwrite")
                self.assertEqual((finished.status, len(finished.err_lines)), (2, 1), finished)
                self.assertIn(word, finished.err)
        finished = run_job(self.folder, JOB, "--set", "attack bare.epsilon=1")
        self.assertIn("sweep.attack.epsilon=VALUE gives all of them one value", finished.err)
        finished = run_job(self.folder, JOB, "--set", "attack norms.norm=l2", "--dry-run")
        self.assertEqual((finished.status, "6 runs" in finished.out), (0, True), finished)
        finished = launch("attack", os.path.join(self.folder, "job.ini"))
        self.assertEqual(finished.status, 2)
        self.assertIn("[sweep] and a list in solver.iterations are for barydef run", finished.err)


if __name__ == "__main__":
    unittest.main()
