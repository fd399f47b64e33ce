"""Attacks that a job makes: in their ball, as PyTorch makes them, the same on any ranks, and judged
under all attacks together."""

import os
import subprocess
import time
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set, write_victim
from results import contents, read
from support import (
    attack,
    BASE,
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    PROGRAM,
    RunTest,
    job_text,
    launch,
    need_victim,
    purify,
    run_job,
)

# The purified image is the attacked one: one marginal that is the image itself, and no iteration.
BARE = {"marginals.set": "identity", "solver.iterations": 0}
DEMO = {"input.file": DEMO_SET, "input.attacks": "fgsm", "victim.file": DEMO_VICTIM}


class Attacks(RunTest):
    @classmethod
    def setUpClass(cls):
        need_victim()
        super().setUpClass()

    def attacked(self, job, *names, **others):
        result = purify(self.folder, {**DEMO, **BARE, **job}, "--overwrite", **others)
        return read(result, *[f"runs/000/{name}/images" for name in names])

    def test_stored_images_are_in_the_ball_and_in_range(self):
        job = {
            "input.limit": 60,
            **attack("linf", epsilon="8/255", steps=7, step_size=0.25),
            **attack("l2", norm="l2", epsilon=0.7, steps=7, step_size=0.25, restarts=2),
            **attack("far", epsilon=3, type="fgsm"),
        }
        linf, l2, far, clean = self.attacked(job, "linf", "l2", "far", "clean")
        for images, epsilon, distance in (
            (linf, 8 / 255, lambda d: np.abs(d).max(1)),
            (l2, 0.7, lambda d: np.sqrt((d**2).sum(1))),
            (far, 3, lambda d: np.abs(d).max(1)),
        ):
            found = distance((images.astype("f8") - clean).reshape(60, -1))
            # The purifier scales by the mass and back, which rounds.
            self.assertLess(found.max(), epsilon + 1e-6)
            self.assertGreater(np.median(found), 0.9 * min(epsilon, 1))
            self.assertTrue(((images >= 0) & (images <= 1)).all())

    def test_one_step_is_that_of_pytorch(self):
        import torch

        job = {
            "input.limit": 80,
            **attack("mine", type="fgsm"),
            **attack("two", type="fgsm", norm="l2"),
        }
        linf, l2 = self.attacked(job, "mine", "two")
        labels = torch.tensor(read(DEMO_SET, "labels")[:80])
        clean = read(DEMO_SET, "clean/images")[:80].astype("f4")
        pixels = torch.tensor(clean).requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(
            torch.jit.load(DEMO_VICTIM).eval()(pixels), labels, reduction="sum"
        )
        (gradient,) = torch.autograd.grad(loss, pixels)
        unit = gradient / gradient.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
        for ours, step in (linf, gradient.sign()), (l2, unit):
            theirs = (pixels + 0.1 * step).clamp(0, 1).detach().numpy()
            far = np.abs(ours - theirs).reshape(80, -1).max(1)
            self.assertGreaterEqual((far < 1e-4).mean(), 0.98)

    def test_bits_do_not_depend_on_ranks_blocks_or_a_resume(self):
        write_set(
            os.path.join(self.folder, "set.h5"),
            {"a": random_images(23, 3)},
            clean=random_images(23, 3, seed=1),
        )
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {
            "victim.file": "victim.pt",
            "victim.batch": 5,
            "solver.iterations": 6,
            "sweep.solver.gamma": "0.05, 0.5",
            **attack("bare", steps=3, restarts=2),
            **attack("blur", through="blurred", steps=3, norm="l2", epsilon=1),
            **attack("mean", through="mean", steps=3, loss="margin"),
            **attack("exact", through="purified", steps=3, loss="dlr"),
            **attack("cheap", through="purified", steps=3, gradient="identity"),
        }
        first = purify(self.folder, {**job, "run.block": 8}, "--overwrite", output="first.h5")
        expected = contents(first)
        for ranks, block in (0, 23), (2, 3), (3, 8):
            other = purify(self.folder, {**job, "run.block": block}, "--overwrite", ranks=ranks)
            with self.subTest(ranks=ranks, block=block):
                self.assert_same(expected, contents(other))
        # Without its marks, a part of a result is made again.
        with h5py.File(first, "r+") as file:
            file["checksums/001/exact"][5:9] = 0
            file.attrs["complete"] = 0
        purify(self.folder, job, "--resume", output="first.h5", ranks=2)
        self.assert_same(expected, contents(first))
        images = read(first, "runs/000/bare/images", "runs/001/bare/images")
        self.assertFalse(np.array_equal(*images), "two gammas purify alike")

    def test_a_set_is_the_same_on_any_ranks_and_after_a_kill(self):
        path = os.path.join(self.folder, "set-job.ini")
        job = {
            **BASE,
            **DEMO,
            "input.limit": 40,
            "solver.iterations": 5,
            "run.block": 4,
            "output.file": "made.h5",
            **attack("bare", steps=10),
            **attack("exact", through="purified", steps=40, gradient="exact"),
        }
        with open(path, "w") as file:
            file.write(job_text(job))
        made = os.path.join(self.folder, "made.h5")

        def make(*options, ranks=0, status=0):
            finished = launch("attack", path, *options, ranks=ranks)
            self.assertEqual(finished.status, status, finished)
            return finished

        make()
        first = contents(made)
        self.assertIn("attacks/exact/images", first)
        self.assertFalse(os.path.exists(made + ".making"))
        self.assertIn("exists; --overwrite", make(status=2).err)
        self.assertIn("nothing left to do", make("--resume").out)
        make("--overwrite", "--set", "run.block=7", ranks=3)
        self.assert_same(first, contents(made))
        # Killed in the middle, the set is not there; what is done is.
        os.unlink(made)
        begun = subprocess.Popen([PROGRAM, "attack", path, "--quiet"], env=ENVIRONMENT)
        while not os.path.exists(made + ".making") and begun.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3)
        begun.kill()
        begun.wait()
        self.assertFalse(os.path.exists(made))
        make("--resume", ranks=2)
        self.assert_same(first, contents(made))
        with h5py.File(made) as file:
            about = file["attacks/exact"].attrs
            self.assertEqual((about["through"], about["gradient"]), (b"purified", b"exact"))
            self.assertIn(b"[solver]\ngamma = ", about["purifier"])
            self.assertNotIn("purifier", file["attacks/bare"].attrs)
            clean = file["clean/images"][()]
            far = np.abs(file["attacks/bare/images"][()].astype("f8") - clean)
            self.assertLessEqual(far.max(), 0.1)
            self.assertTrue((clean == read(DEMO_SET, "clean/images")[:40]).all())
        purify(self.folder, {"input.file": made, "solver.iterations": 2}, "--overwrite")

    def test_images_that_cannot_be_attacked_leave_others_untouched(self):
        """The victim gives NaN for some of them, and no ball around them meets [0,1]."""
        whole = random_images(8, 1, 12, 12, seed=1)
        flawed = whole.copy()
        flaws = {1: 5, 3: np.inf, 4: -3, 6: np.nan}
        for image, value in flaws.items():
            flawed[image, 0, 3, 4] = value
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {"input.file": "flawed.h5", "victim.file": "victim.pt", "victim.batch": 4}
        for norm in "linf", "l2":
            job.update(attack(f"pgd_{norm}", norm=norm, steps=3))
            job.update(attack(f"growing_{norm}", type="growing", norm=norm, steps=20))
        job.update(attack("through", through="purified", steps=2, gradient="exact"))
        found = []
        for images, status in (whole, 0), (flawed, 3):
            write_set(
                os.path.join(self.folder, "flawed.h5"),
                {"a": random_images(8, 1, 12, 12)},
                clean=images,
            )
            result = purify(self.folder, job, "--overwrite", status=status)
            made = run_job(
                self.folder, {**job, "output.file": "set.h5"}, "--overwrite", command="attack"
            )
            self.assertEqual(made.status, status, made)
            names = [name.split(".")[0][7:] for name in job if name.endswith(".steps")]
            found.append(
                [read(result, f"runs/000/{name}/images") for name in names]
                + [
                    read(os.path.join(self.folder, "set.h5"), f"attacks/{name}/images")
                    for name in names
                ]
            )
            status = read(result, "runs/000/pgd_l2/per_image")["status"]
        self.assertEqual([i for i in range(8) if status[i]], sorted(flaws))
        good = [i for i in range(8) if i not in flaws]
        for one, other in zip(*found):
            self.assertTrue((one[good] == other[good]).all())
            self.assertTrue(np.isnan(other[sorted(flaws)]).all())

    def test_who_knows_the_purifier_breaks_it(self):
        """The order is what the gradients are worth: no knowledge, the identity, the exact one."""
        job = {"input.limit": 100, "solver.gamma": 1, "solver.iterations": 20}
        steps = dict(steps=10, step_size=0.25)
        for name, values in (
            ("transfer", {}),
            ("identity", dict(through="purified", gradient="identity")),
            ("exact", dict(through="purified")),
            ("blurred", dict(through="blurred")),
        ):
            job.update(attack(name, **steps, **values))
        result = purify(self.folder, {**DEMO, **job}, "--overwrite")
        rows = {row["attack"].decode(): row for row in read(result, "statistics")}
        left = {name: row["barycenter_accuracy"] for name, row in rows.items()}
        self.assertGreater(left["transfer"], left["identity"])
        self.assertGreater(left["identity"], left["exact"])
        self.assertLess(rows["blurred"]["blurred_accuracy"], rows["transfer"]["blurred_accuracy"])
        self.assertEqual(
            [row["through"].decode() for row in rows.values()],
            ["", "victim", "purified", "purified", "blurred", ""],
        )
        with h5py.File(result) as file:
            about = file["runs/000/exact"].attrs
            self.assertEqual((about["through"], about["gradient"]), (b"purified", b"exact"))
            self.assertIn(b"pgd, loss ce, steps 10, step_size 0.25", about["source"])
            self.check_worst_case(file)

    def check_worst_case(self, file):
        (row,) = file["worst_case"][()]
        groups = list(file["runs/000"].values())
        self.assertEqual((row["run"], row["attacks"], row["images"]), (0, len(groups), 100))
        for view, column in ("attacked", "attack"), ("mean", "mean"), ("purified", "barycenter"):
            right = np.ones(100, bool)
            for group in groups:
                table = group["per_image"][()]
                right &= (table["status"] == 0) & (table["predicted_" + view] == table["label"])
            self.assertEqual(row[column + "_accuracy"], right.mean(), view)
            self.assertLess(row[column + "_accuracy_low"], right.mean())

    def test_who_knows_a_simple_defence_breaks_it(self):
        """A positive control: what the literature calls broken breaks here, too."""
        views = ["rounded", "median", "total_variation"]
        if "libjpeg-turbo" in launch("--version").out:
            views.append("jpeg")
        pgd = {"epsilon": 0.12, "steps": 20, "step_size": 0.125}
        job = {
            "input.limit": 60,
            "input.attacks": "fgsm",
            "baseline.views": ", ".join(views),
            **attack("transfer", **pgd),
        }
        for view in views:
            job |= attack(view, through=view, gradient="identity", **pgd)
        path = purify(self.folder, {**DEMO, **BARE, **job}, output="broken.h5")
        rows, _ = read(path, "statistics", "labels")
        rows = {row["attack"].decode(): row for row in rows}
        for view in views:
            column, row = f"{view}_accuracy", rows[view]
            self.assertEqual(row["through"].decode(), view)
            self.assertGreater(rows["clean"][column], 0.8, view)
            self.assertLess(row[column], rows["clean"][column] / 3, view)
            self.assertLessEqual(row[column], rows["transfer"][column], view)

    def test_what_cannot_be_made_is_refused(self):
        for values, word in (
            ({"attack clean.type": "pgd"}, "other than clean"),
            ({"attack a.steps": "-1"}, "allowed: an integer"),
            ({"attack a.epsilon": "8/0"}, "a ratio such as 8/255"),
            ({"attack a.speed": "1"}, "unknown key; allowed: type, norm, epsilon"),
            ({"attack a.through": "both"}, "allowed: victim|blurred|mean|purified"),
            ({"attack fgsm.type": "pgd"}, 'has an attack "fgsm" already'),
            ({"attack a.norm": "l1"}, "attack a.norm = l1 is not allowed; allowed: linf|l2"),
            ({"attack a.gradient": "identity"}, "through = victim has none"),
            (attack("a", through="blurred", gradient="mean"), "is of the purifier alone"),
            (attack("a", through="purified", type="square", gradient="mean"), "means nothing with"),
            (attack("a", type="fgsm", steps=5), "steps = 5: means nothing with type = fgsm; leave"),
            (attack("a", type="fgsm", restarts=2), "means nothing with type = fgsm"),
            (attack("a", type="deepfool", step_size=0.1), "means nothing with type = deepfool"),
            (attack("a", type="deepfool", loss="dlr"), "means nothing with type = deepfool"),
            (attack("a", type="carlini_wagner", norm="l2", loss="dlr"), "means nothing with"),
            (attack("a", type="carlini_wagner"), "needs norm = l2"),
            (attack("a", type="fab", step_size=0.1), "means nothing with type = fab"),
            (attack("a", type="square", loss="dlr"), "means nothing with type = square"),
            (attack("a", type="autoattack", loss="margin"), "means nothing with type = autoattack"),
            (attack("a", type="growing", restarts=2), "means nothing with type = growing"),
            (attack("a", loss="dlr_targeted"), "which type = apgd alone has"),
            (attack("a", epsilon=0), "epsilon = 0 leaves the clean image; only deepfool,"),
            (attack("a", type="apgd", epsilon=0), "epsilon = 0 leaves the clean image; only"),
            ({"attack a.stpes": "1"}, "unknown key; allowed: type, norm"),
            ({"attacks.preset": "mnits"}, "allowed: none|mnist|fashion_mnist|cifar10|cifar100"),
            ({"attacks.preset": "mnist"}, "input.attacks = clean leaves out all"),
            ({f"attack {'a' * 64}.type": "pgd"}, "at most 63 letters"),
            ({**attack("a", through="purified"), "solver.iterations": "1, 2"}, "no gradient with"),
            ({**attack("a", through="purified"), "solver.method": "fista"}, "no gradient with"),
            ({"attack a.through": "median"}, "goes through median, which baseline.views does not"),
            ({**attack("a", type="pgd"), "victim.file": ""}, "victim.file is not given"),
        ):
            finished = run_job(self.folder, {**DEMO, **values}, "--overwrite")
            with self.subTest(**values):
                self.assertEqual(finished.status, 2, finished)
                self.assertEqual(len(finished.err_lines), 1, finished)
                self.assertIn(word, finished.err)
        write_set(os.path.join(self.folder, "set.h5"), {"a": random_images(3)})
        job = {"victim.file": DEMO_VICTIM, **attack("b", type="pgd")}
        finished = run_job(self.folder, job, "--overwrite")
        self.assertIn("no /clean/images", finished.err)


if __name__ == "__main__":
    unittest.main()
