"""input.attacks, input.clean, input.limit and output.images choose, and change nothing else."""

import os
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set
from results import check_statistics, contents, read
from support import RunTest, purify


class Selection(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sets = {name: random_images(9, seed=seed) for seed, name in enumerate("cab")}
        write_set(os.path.join(cls.folder, "set.h5"), sets, clean=random_images(9, seed=9))
        write_set(os.path.join(cls.folder, "attacks.h5"), sets)
        with h5py.File(
            write_set(os.path.join(cls.folder, "clean.h5"), sets, clean=sets["a"]), "r+"
        ) as file:
            del file["attacks"]
        cls.whole = purify(cls.folder, {}, output="whole.h5")

    def attacks(self, job, **others):
        return [
            row["attack"].decode()
            for row in read(purify(self.folder, job, "--overwrite", **others), "statistics")
        ]

    def test_attacks_come_in_the_order_asked_for(self):
        for job, expected in [
            ({}, ["a", "b", "c", "clean"]),
            ({"input.attacks": "all"}, ["a", "b", "c", "clean"]),
            ({"input.attacks": "c , a"}, ["c", "a", "clean"]),
            ({"input.attacks": "b", "input.clean": "no"}, ["b"]),
            ({"input.clean": "no"}, ["a", "b", "c"]),
            ({"input.file": "attacks.h5"}, ["a", "b", "c"]),
            ({"input.file": "clean.h5"}, ["clean"]),
        ]:
            with self.subTest(job):
                self.assertEqual(self.attacks(job), expected)

    def test_attacks_chosen_are_unchanged(self):
        chosen = purify(
            self.folder, {"input.attacks": "c, a", "input.clean": "no"}, output="chosen.h5"
        )
        with h5py.File(chosen, "r") as file:
            self.assertEqual(sorted(file["runs/000"]), ["a", "c"])
        for attack in "ac":
            self.assert_same(
                contents(chosen, f"runs/000/{attack}"), contents(self.whole, f"runs/000/{attack}")
            )

    def test_limit_takes_the_first(self):
        limited = purify(self.folder, {"input.limit": 4, "run.block": 3}, output="limited.h5")
        self.assertEqual(read(limited, "labels").tolist(), [0, 1, 2, 3])
        for attack in ["a", "b", "c", "clean"]:
            for dataset in ["images", "per_image"]:
                some, every = (
                    read(path, f"runs/000/{attack}/{dataset}") for path in (limited, self.whole)
                )
                self.assertEqual(len(some), 4)
                self.assertEqual(some.tobytes(), every[:4].tobytes())
        self.assertEqual(set(read(limited, "statistics")["images"]), {4})
        more = purify(self.folder, {"input.limit": 1000, "input.attacks": "a"}, output="more.h5")
        self.assertEqual(len(read(more, "labels")), 9)

    def test_without_images_all_else_is_the_same(self):
        path = purify(self.folder, {"output.images": "no"}, output="figures.h5")
        lean, whole = contents(path), contents(self.whole)
        self.assertEqual([name for name in lean if name.endswith("/images")], [])
        whole, lean = (
            {name: value for name, value in some.items() if not name.startswith("checksums")}
            for some in (whole, lean)
        )
        self.assert_same(
            lean, {name: value for name, value in whole.items() if not name.endswith("/images")}
        )
        self.assertEqual(sum(name.endswith("/images") for name in whole), 4)

    def test_distance_to_clean_only_where_there_is_one(self):
        path = purify(self.folder, {"input.file": "attacks.h5"}, output="no-clean.h5")
        for attack in "abc":
            figures, with_clean = (
                read(result, f"runs/000/{attack}/per_image") for result in (path, self.whole)
            )
            for name in "l2_to_clean", "linf_to_clean":
                self.assertTrue(np.all(np.isnan(figures[name])) and np.all(with_clean[name] > 0))
        check_statistics(self, path, has_victim=False)


if __name__ == "__main__":
    unittest.main()
