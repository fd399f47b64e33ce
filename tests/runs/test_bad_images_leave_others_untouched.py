"""Bad images are counted and become NaN, and the run ends with 3.  All others are untouched."""

import os
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set, write_victim
from results import check_statistics, contents, read, status_names
from support import RunTest, launch, need_victim, purify, run_job


class BadImages(RunTest):
    """Images that cannot be purified beside images that can."""

    # image: (what is wrong with it, a part of the status name)
    BAD = {
        2: ("NaN", "finite"),
        3: ("inf", "finite"),
        5: ("-inf", "finite"),
        6: ("negative", "negative"),
        9: ("zeros", "empty"),
    }
    COUNT = 12

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        good = random_images(cls.COUNT, 2)
        bad = good.copy()
        bad[2, 1, 7, 9], bad[3, 0, 0, 0], bad[5, 0, 3, 3], bad[6, 1, 2, 2] = (
            np.nan,
            np.inf,
            -np.inf,
            -1e-3,
        )
        bad[9] = 0
        write_set(os.path.join(cls.folder, "good.h5"), {"a": good, "b": good}, clean=good[::-1])
        write_set(os.path.join(cls.folder, "bad.h5"), {"a": bad, "b": good}, clean=good[::-1])
        write_victim(os.path.join(cls.folder, "victim.pt"))
        cls.job = {"victim.file": "victim.pt", "solver.iterations": "2, 8", "run.block": 5}
        cls.good = purify(cls.folder, {**cls.job, "input.file": "good.h5"}, output="good-result.h5")
        cls.finished = run_job(
            cls.folder, {**cls.job, "input.file": "bad.h5", "output.file": "bad-result.h5"}, ranks=2
        )
        cls.bad = os.path.join(cls.folder, "bad-result.h5")

    def test_bad_images_end_the_run_with_3_and_one_line(self):
        self.assertEqual(self.finished.status, 3, self.finished)
        self.assertEqual(len(self.finished.err_lines), 1, self.finished)
        for word in ["barydef: ", "bad-result.h5", "10", "failed"]:
            self.assertIn(word, self.finished.err_lines[0])
        with h5py.File(self.bad, "r") as file:
            self.assertEqual(file.attrs["complete"], 1)

    def test_each_bad_image_has_its_status(self):
        with h5py.File(self.bad, "r") as file:
            table = file["runs/000/a/per_image"]
            for image, status in enumerate(table["status"]):
                wrong, part = self.BAD.get(image, ("nothing", "ok"))
                self.assertIn(part, status_names(table)[status], f"image {image}: {wrong}")

    def test_failed_images_are_nan_and_judged_by_their_input(self):
        """The victim says what it says of an input that is finite."""
        for run_name in "000", "001":
            images, figures = read(
                self.bad, f"runs/{run_name}/a/images", f"runs/{run_name}/a/per_image"
            )
            failed = figures["status"] != 0
            self.assertEqual(np.flatnonzero(failed).tolist(), sorted(self.BAD))
            self.assertTrue(
                np.all(np.isnan(images[failed])) and np.all(np.isfinite(images[~failed]))
            )
            for name in figures.dtype.names:
                if name.startswith("predicted"):
                    views_of_input = "attacked", "rounded", "blurred"
                    for image in np.flatnonzero(failed):
                        is_shown = "finite" not in self.BAD[image][1] and name.endswith(
                            views_of_input
                        )
                        self.assertEqual(figures[name][image] >= 0, is_shown, (name, image))
                    self.assertGreaterEqual(min(figures[name][~failed]), 0, name)
                if name.startswith(("l2", "linf", "residual", "mass")):
                    self.assertTrue(
                        np.all(np.isnan(figures[name][failed]))
                        and np.all(np.isfinite(figures[name][~failed])),
                        name,
                    )
            self.assertEqual(figures["label"].tolist(), [i % 10 for i in range(self.COUNT)])

    def test_other_images_are_untouched(self):
        others = np.setdiff1d(np.arange(self.COUNT), list(self.BAD))
        for run_name in "000", "001":
            for dataset in "a/images", "a/per_image":
                bad, good = (
                    read(path, f"runs/{run_name}/{dataset}") for path in (self.bad, self.good)
                )
                self.assertEqual(bad[others].tobytes(), good[others].tobytes())
            for attack in "b", "clean":
                self.assert_same(
                    contents(self.bad, f"runs/{run_name}/{attack}"),
                    contents(self.good, f"runs/{run_name}/{attack}"),
                )

    def test_bad_images_count_as_failed_in_the_statistics(self):
        rows = check_statistics(self, self.bad, has_victim=True)
        self.assertEqual(rows["failed"].tolist(), [5, 0, 0] * 2)
        self.assertEqual(rows["images"].tolist(), [self.COUNT] * 6)
        self.assertLessEqual(rows["barycenter_accuracy"][0], 7 / 12)
        check_statistics(self, self.good, has_victim=True)

    def test_a_set_of_bad_images_alone_is_counted(self):
        write_set(os.path.join(self.folder, "all.h5"), {"a": np.full((4, 1, 5, 5), -1.0)})
        path = purify(self.folder, {"input.file": "all.h5"}, output="all-result.h5", status=3)
        rows = check_statistics(self, path, has_victim=False)
        self.assertEqual(
            (rows["failed"].tolist(), bool(np.isnan(rows["residual_mean"][0]))), ([4], True)
        )
        self.assertTrue(np.all(np.isnan(read(path, "runs/000/a/images"))))

    def test_what_was_not_measured_is_not_zero(self):
        """The accuracies of a group of which the victim saw nothing are NaN, and - in a table."""
        good = random_images(4)
        bad = np.full_like(good, np.nan)
        write_set(os.path.join(self.folder, "none.h5"), {"a": bad, "b": good}, clean=good)
        path = purify(
            self.folder,
            {**self.job, "input.file": "none.h5"},
            output="none-result.h5",
            status=3,
        )
        rows = check_statistics(self, path, has_victim=True)
        for name in rows.dtype.names:
            if "accuracy" in name:
                self.assertEqual(np.isnan(rows[name]).tolist(), [True, False, False] * 2, name)
        table = launch("inspect", path).out
        line = next(line for line in table.splitlines() if line.startswith("a "))
        self.assertNotRegex(line, r" 0\.0 ")
        self.assertGreaterEqual(line.split().count("-"), 5)

    def test_a_channel_of_zeros_stays_zero(self):
        for mass in "channel", "joint":
            images = random_images(4, 3)
            images[1, 0] = images[2, 1] = images[2, 2] = 0
            write_set(os.path.join(self.folder, "colour.h5"), {"a": images})
            path = purify(
                self.folder,
                {"input.file": "colour.h5", "solver.mass": mass},
                "--overwrite",
                output="colour-result.h5",
            )
            purified, figures = read(path, "runs/000/a/images", "runs/000/a/per_image")
            self.assertEqual(set(figures["status"]), {0})
            empty = np.all(images == 0, axis=(2, 3))
            self.assertEqual(empty.sum(), 3)
            self.assertTrue(
                np.all(purified[empty] == 0) and np.all(purified[~empty].sum(axis=(1, 2)) > 1)
            )

    def test_bad_clean_image_spoils_only_its_distances(self):
        attacked, clean = random_images(5), random_images(5, seed=1)
        clean[2, 0, 4, 4] = np.nan
        write_set(os.path.join(self.folder, "clean.h5"), {"a": attacked}, clean=clean)
        path = purify(self.folder, {"input.file": "clean.h5"}, output="clean-result.h5", status=3)
        self.assertEqual(read(path, "statistics")["failed"].tolist(), [0, 1])
        figures = read(path, "runs/000/a/per_image")
        for name in "l2_to_clean", "linf_to_clean":
            with self.subTest(name):
                self.assertEqual(np.flatnonzero(np.isnan(figures[name])).tolist(), [2])
        check_statistics(self, path, has_victim=False)


if __name__ == "__main__":
    unittest.main()
