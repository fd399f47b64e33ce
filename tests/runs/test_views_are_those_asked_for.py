"""The victim is shown the views that baseline.views names.  The columns of the others say that it
was not, and every other bit stays."""

import io
import os
import re
import unittest

import h5py
import numpy as np

from results import contents
from support import (
    BASE,
    DEMO_SET,
    DEMO_VICTIM,
    RunTest,
    job_text,
    launch,
    need,
    need_victim,
    purify,
)

PARAMETERS = {"jpeg_quality": "jpeg", "tv_weight": "total_variation"}
ADDED = ("median", "jpeg", "total_variation")


def without_views(found):
    """contents() without the columns of views and what is computed from them."""
    return {
        name: value
        for name, value in found.items()
        if not re.search(r"predicted_|accuracy|checksum|per_image$|statistics$", name)
    }


class Views(RunTest):
    JOB = {
        "input.file": DEMO_SET,
        "input.limit": 24,
        "victim.file": DEMO_VICTIM,
        "solver.iterations": 2,
        "run.block": 7,
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.torch = need_victim()
        cls.model = cls.torch.jit.load(DEMO_VICTIM)
        cls.default = purify(cls.folder, cls.JOB, output="default.h5")

    def views(self, views, *options, output="result.h5", **others):
        job = {**self.JOB, "baseline.views": views, **others}
        return purify(self.folder, job, *options, "--overwrite", output=output)

    @staticmethod
    def predicted(path, name, run="000", attack="fgsm"):
        with h5py.File(path) as file:
            return file[f"runs/{run}/{attack}/per_image"][f"predicted_{name}"][()]

    def need(self, view):
        if view == "jpeg" and "libjpeg-turbo" not in launch("--version").out:
            self.skipTest("this barydef was built without libjpeg")

    def test_default_has_the_columns_of_before_there_was_a_choice(self):
        with h5py.File(self.default) as file:
            record = file["runs/000/fgsm/per_image"].dtype
            self.assertEqual((record.itemsize, len(record.names)), (112, 21))
            self.assertEqual(record.names[-3:], ("safe_tau", "bits", "evaluations_skipped"))
            self.assertEqual(len(file["statistics"].dtype.names), 47)
            self.assertEqual(
                file["statistics"].dtype.names[-2:], ("safe_tau", "evaluations_skipped")
            )
            names = {name for name in file["runs/000"].attrs if name.startswith("baseline.")}
            self.assertEqual(names, {"baseline.blur_sigma"})
        named = self.views("mean,rounded blurred")
        self.assert_same(contents(self.default), contents(named))

    def test_a_view_left_out_is_minus_one_and_nan(self):
        for views in "", "mean", "blurred, rounded":
            path = self.views(views)
            self.assert_same(without_views(contents(self.default)), without_views(contents(path)))
            with h5py.File(path) as file, h5py.File(self.default) as default:
                row, usual = file["statistics"][0], default["statistics"][0]
                self.assertEqual(row["attack_accuracy"], usual["attack_accuracy"])
                self.assertEqual(row["barycenter_accuracy"], usual["barycenter_accuracy"])
                for name in "rounded", "blurred", "mean":
                    asked = name in views
                    predicted = self.predicted(path, name)
                    wanted = self.predicted(self.default, name) if asked else np.full(24, -1)
                    np.testing.assert_array_equal(predicted, wanted)
                    for end in "", "_low", "_high":
                        value = row[f"{name}_accuracy{end}"]
                        self.assertEqual(np.isnan(value), not asked)
                        if asked:
                            self.assertEqual(value, usual[f"{name}_accuracy{end}"])
            self.assertEqual(launch("check", path).status, 0)

    def test_columns_of_added_views_follow_all_others(self):
        self.need("jpeg")
        for views in "median", "jpeg", "jpeg, total_variation, median, rounded, blurred, mean":
            path, asked = self.views(views), [name for name in ADDED if name in views]
            with h5py.File(path) as file, h5py.File(self.default) as default:
                for name, prefix in (
                    ("runs/000/fgsm/per_image", ["predicted_{}"]),
                    ("statistics", ["{}_accuracy", "{}_accuracy_low", "{}_accuracy_high"]),
                ):
                    usual = default[name].dtype.names
                    self.assertEqual(
                        file[name].dtype.names,
                        (*usual, *(text.format(v) for v in asked for text in prefix)),
                    )
                self.assertEqual(
                    file["runs/000/fgsm/per_image"].dtype.itemsize, 112 + 4 * len(asked) + 7 & ~7
                )
                for name in asked:
                    row = file["statistics"][0]
                    right = self.predicted(path, name) == file["labels"][()]
                    self.assertEqual(row[f"{name}_accuracy"], right.mean())
                    self.assertLess(row[f"{name}_accuracy_low"], row[f"{name}_accuracy_high"])
                for name, view in PARAMETERS.items():
                    self.assertEqual(f"baseline.{name}" in file["runs/000"].attrs, view in asked)
            if "mean" in views:
                usual, found = contents(self.default), contents(path)
                changed = [
                    name
                    for name in usual
                    if found[name] != usual[name]
                    and not re.search("checksum|per_image$|statistics$", name)
                ]
                self.assertEqual(changed, [])
            checked = launch("check", path)
            self.assertEqual(checked.status, 0, checked)
            shown = launch("inspect", path).out
            head = next(line for line in shown.split("\n") if line.startswith("attack  "))
            labels = ["tv" if name == "total_variation" else name for name in asked]
            self.assertEqual([name for name in head.split() if name in (*ADDED, "tv")], labels)

    def shown(self, name, images, quality=75):
        if name == "median":
            return need("scipy.ndimage").median_filter(images, size=(1, 1, 3, 3), mode="reflect")
        pillow = need("PIL.Image")
        out = np.empty_like(images)
        for i, image in enumerate(np.floor(images[:, 0] * 255 + 0.5).astype("u1")):
            file = io.BytesIO()
            pillow.fromarray(image).save(file, "JPEG", quality=quality)
            out[i, 0] = np.asarray(pillow.open(file)) / 255
        return out

    def test_victim_sees_what_scipy_and_pillow_make(self):
        with h5py.File(DEMO_SET) as file:
            attacked = file["attacks/fgsm/images"][:24].astype("f8")
        for name in "median", "jpeg":
            self.need(name)
            path = self.views(name)
            with self.torch.inference_mode():
                pixels = self.shown(name, attacked).astype("f4")
                logits = self.model(self.torch.from_numpy(pixels)).numpy()
            chosen = logits[np.arange(24), self.predicted(path, name)]
            np.testing.assert_array_less(logits.max(axis=1) - chosen, 1e-4)

    def test_sweep_over_a_quality_is_each_quality_alone(self):
        self.need("jpeg")
        qualities = 5, 95, 40
        sweep = self.views(
            "jpeg", **{"sweep.baseline.jpeg_quality": ", ".join(map(str, qualities))}
        )
        found = []
        for run, quality in enumerate(qualities):
            alone = self.views("jpeg", output="alone.h5", **{"baseline.jpeg_quality": quality})
            found.append(self.predicted(alone, "jpeg").tolist())
            self.assertEqual(self.predicted(sweep, "jpeg", f"{run:03d}").tolist(), found[-1])
            with h5py.File(sweep) as file:
                self.assertEqual(file[f"runs/{run:03d}"].attrs["baseline.jpeg_quality"], quality)
        self.assertNotEqual(found[0], found[1])

    def test_ranks_and_resume_give_the_same(self):
        for views in "median", "median, mean":
            whole = contents(self.views(views, output="whole.h5"))
            job = {**self.JOB, "baseline.views": views, "run.writers": "all"}
            path = purify(self.folder, job, "--overwrite", ranks=3)
            self.assert_same(whole, contents(path))
            with h5py.File(path, "r+") as file:
                file["runs/000/fgsm/per_image"][3, "predicted_median"] = 1
                file["checksums/000/clean"][5:9] = 0
                file.attrs["complete"] = 0
            purify(self.folder, job, "--resume")
            self.assert_same(whole, contents(path))

    def test_resume_refuses_other_views(self):
        for views, others in ("median", "mean"), ("mean", "median"), ("", "rounded"):
            self.views(views)
            job = {**BASE, **self.JOB, "baseline.views": others}
            with open(os.path.join(self.folder, "job.ini"), "w") as file:
                file.write(job_text(job))
            finished = launch("run", os.path.join(self.folder, "job.ini"), "--resume")
            self.assertEqual(finished.status, 2, finished)
            self.assertRegex(finished.err, r"^barydef: .*baseline\.views is .*\n$")

    def test_merge_joins_parts_of_the_same_views_alone(self):
        sweep = {"sweep.solver.gamma": "0.05, 0.5"}
        whole = self.views("median", output="whole.h5", **sweep)
        parts = [
            self.views("median", f"--part={i}/2", output=f"part{i}.h5", **sweep) for i in (1, 2)
        ]
        merged = os.path.join(self.folder, "merged.h5")
        finished = launch("merge", merged, *parts)
        self.assertEqual(finished.status, 0, finished)
        self.assert_same(contents(whole), contents(merged))
        self.assertEqual(launch("check", merged).status, 0)
        for views in "rounded, blurred, mean", "mean, median":
            other = self.views(views, "--part=2/2", output="other.h5", **sweep)
            finished = launch("merge", os.path.join(self.folder, "no.h5"), parts[0], other)
            self.assertEqual(finished.status, 2, finished)
            self.assertRegex(
                finished.err, r"^barydef: .*other\.h5: not a part of the same sweep.*\n$"
            )

    def test_a_forged_column_is_refused(self):
        """The types of its columns are not those of the views that its job asks for."""
        path = self.views("median")
        with h5py.File(path, "r+") as file:
            text = file.attrs["job"].decode()
            file.attrs["job"] = text.replace("views = median", "views =")
        finished = launch("check", path)
        self.assertEqual(finished.status, 2, finished)
        self.assertIn("a damaged result", finished.err)

    def test_views_cannot_be_swept_nor_be_what_they_are_not(self):
        for options, text in (
            (["--set", "sweep.baseline.views=mean, median"], "baseline.views"),
            (["--set", "baseline.views=attacked"], "baseline.views = attacked is not allowed"),
            (["--set", "baseline.views=mean, mean"], "is not allowed"),
        ):
            job = {**self.JOB, "output.file": "none.h5"}
            with open(os.path.join(self.folder, "none.ini"), "w") as file:
                file.write(job_text(job))
            finished = launch("run", os.path.join(self.folder, "none.ini"), *options)
            self.assertEqual(finished.status, 2, finished)
            self.assertIn(text, finished.err)

    def test_without_libjpeg_a_job_that_asks_for_it_is_refused(self):
        if "libjpeg: none" not in launch("--version").out:
            self.skipTest("this barydef was built with libjpeg")
        with open(os.path.join(self.folder, "none.ini"), "w") as file:
            file.write(job_text({**self.JOB, "output.file": "none.h5"}))
        finished = launch("run", os.path.join(self.folder, "none.ini"), "--set=baseline.views=jpeg")
        self.assertEqual(finished.status, 2, finished)
        self.assertEqual(
            finished.err,
            "barydef: baseline.views = jpeg: this barydef was built without libjpeg\n",
        )
        self.assertFalse(os.path.exists(os.path.join(self.folder, "none.h5")))


if __name__ == "__main__":
    unittest.main()
