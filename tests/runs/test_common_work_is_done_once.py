"""What the runs of a sweep have in common is done once, and changes no bit."""

import collections
import os
import re
import unittest

import h5py
import numpy as np

import library

from inputs import random_images, write_set, write_victim
from results import read
from support import FAULTS, RunTest, need_victim, purify, run_job


class Shared(RunTest):
    """A preloaded library counts the work."""

    def traced(self, job, *options, ranks=0):
        """{(word, rank, place ...): how often} of a run."""
        path = os.path.join(self.folder, "trace")
        purify(
            self.folder,
            {"run.block": 8, **job},
            "--overwrite",
            *options,
            ranks=ranks,
            LD_PRELOAD=FAULTS,
            FAULT_FILE="set.h5",
            TRACE=path,
        )
        with open(path) as file:
            found = collections.Counter(tuple(line.split()) for line in file)
        os.unlink(path)
        return found

    def test_snapshots_share_the_transforms_of_a_trajectory(self):
        """L = 10, 20, 40 needs as many as L = 40 alone."""
        write_set(os.path.join(self.folder, "set.h5"), {"a": random_images(3)})
        job = {"solver.kernel": "fftw", "solver.gamma": 2}
        counts = {
            steps: self.traced({**job, "solver.iterations": steps})["transform", "0"]
            for steps in ("10", "20", "40", "10, 20, 40")
        }
        self.assertEqual(counts["10, 20, 40"], counts["40"])
        # Every marginal and step needs two kernels of two transforms each.
        self.assertEqual(counts["40"] - counts["20"], 2 * (counts["20"] - counts["10"]))
        self.assertGreaterEqual(counts["20"] - counts["10"], 10 * 6 * 2 * 2)

    def test_input_is_read_once(self):
        """A rank alone reads as much for four points as for one.  Where ranks share the work, none
        reads a block of an attack again.  What rank 0 looks at before, to know the scale of the
        pixels, is what a dry run reads."""
        path = os.path.join(self.folder, "set.h5")
        four = {"sweep.solver.gamma": "0.1, 0.2", "sweep.solver.theta": "10, 1e5"}
        for storage in {"chunks": (4, 1, 8, 10), "compression": "gzip"}, {}:
            write_set(
                path,
                {"a": random_images(48), "b": random_images(48, seed=1)},
                clean=random_images(48, seed=2),
                **storage,
            )
            with h5py.File(path) as file:
                sets = [file[f"{name}/images"] for name in ("attacks/a", "attacks/b", "clean")]
                places = [
                    {
                        str(one.id.get_chunk_info(i).byte_offset)
                        for i in range(one.id.get_num_chunks())
                    }
                    if storage
                    else {str(one.id.get_offset() + i * 8 * one[0].nbytes) for i in range(6)}
                    for one in sets
                ]
            attacks, clean = places[0] | places[1], places[2]
            before = self.traced({}, "--dry-run")
            one, many = self.traced({}) - before, self.traced(four) - before
            with self.subTest(storage=storage):
                self.assertEqual(one, many)
                self.assertEqual(
                    {place: one["read", "0", place] for place in attacks}, dict.fromkeys(attacks, 1)
                )
                # Beside each attack and as one itself, less what the look before has left in hand.
                counts = [one["read", "0", place] for place in clean]
                self.assertLessEqual(max(counts), 3)
                self.assertGreaterEqual(sum(counts), 3 * len(clean) - 2)
                together = self.traced(four, ranks=2) - before
                self.assertEqual({place for _, _, place in together} & attacks, attacks)
                self.assertEqual(
                    {
                        key: count
                        for key, count in together.items()
                        if key[2] in attacks and count > 1
                    },
                    {},
                )

    # Every marginal is known, and 8 bits and the blur change nothing.
    KNOWN = {
        "victim.file": "victim.pt",
        "baseline.blur_sigma": 0,
        "solver.gamma": 0.005,
        "solver.tau": 1e-4,
        "solver.iterations": "0, 1, 2",
    }

    def test_equal_pixels_are_shown_to_the_victim_once(self):
        """Images of 8 bits are their own rounding, and their own blur of no width.  Where every
        marginal is known, all snapshots are the mean of the marginals."""
        need_victim()
        images = np.round(random_images(37, 1, 12, 12) * 255) / 255
        write_set(os.path.join(self.folder, "set.h5"), {"a": images, "b": images[::-1]})
        write_victim(os.path.join(self.folder, "victim.pt"), "return x.flatten(1)[:, 60:70]")
        job = self.KNOWN
        for options, points in ({}, 1), ({"sweep.solver.theta": "10, 1e5"}, 2):
            for block in 64, 5:
                finished = run_job(
                    self.folder,
                    {"output.file": "shared.h5", **job, **options, "run.block": block},
                    "--overwrite",
                )
                shown = re.search(r"victim was shown (\d+) images.* for (\d+) more", finished.out)
                asked = 2 * 37 * points * (4 + 3)  # four views, and three snapshots
                with self.subTest(block=block, points=points):
                    # The attacked images and the mean of the marginals, of each attack.
                    self.assertEqual(tuple(map(int, shown.groups())), (148, asked - 148))
        apart = purify(self.folder, {**job, "solver.shortcuts": "no"}, "--overwrite")
        for attack in "a", "b":
            path = f"runs/002/{attack}/per_image"
            ours, theirs = read(os.path.join(self.folder, "shared.h5"), path), read(apart, path)
            for view in "attacked", "rounded", "blurred", "mean", "purified":
                name = "predicted_" + view
                self.assertEqual(ours[name].tolist(), theirs[name].tolist())

    def test_the_victim_itself_sees_no_pixels_twice(self):
        """It prints a number of each image that it is given: a sum of bits, weighted by place."""
        need_victim()
        images = np.round(random_images(74, 1, 12, 12) * 255) / 255
        write_set(os.path.join(self.folder, "set.h5"), {"a": images[:37], "b": images[37:]})
        write_victim(
            os.path.join(self.folder, "victim.pt"),
            """
            places = torch.arange(1, 145, dtype=torch.float64)
            sums = (x.flatten(1).double() * 16777216.0 * places).sum(1).long()
            line = "rows"
            for row in range(x.size(0)):
                line = line + " " + str(int(sums[row].item()))
            print(line)
            return x.flatten(1)[:, 60:70]
        """,
        )
        job = {**self.KNOWN, "run.block": 37, "output.file": "seen.h5"}
        # A rank that takes on a block at a later point has no answers of the rank before it.
        two_points = {"sweep.solver.theta": "10, 1e5"}
        for shortcuts in "yes", "no":
            for ranks, points in (0, two_points), (1, two_points), (2, {}):
                finished = run_job(
                    self.folder,
                    {**job, **points, "solver.shortcuts": shortcuts},
                    "--overwrite",
                    ranks=ranks,
                )
                # Rows that fill a batch are copies of a row of it.
                calls = re.findall(r"^rows (.*)$", finished.out, re.M)
                seen = collections.Counter(row for call in calls for row in set(call.split()))
                claimed = int(re.search(r"victim was shown (\d+) images", finished.out).group(1))
                with self.subTest(ranks=ranks, shortcuts=shortcuts):
                    self.assertEqual(len(seen), claimed)
                    # The attacked image and the mean of its marginals; nothing else where every
                    # marginal is known.
                    if shortcuts == "yes":
                        self.assertEqual(len(seen), 2 * 74)
                    self.assertGreaterEqual(len(seen), 2 * 74)
                    # Before the work the victim is tried on the images of the first attack.
                    self.assertLessEqual(sum(times > 1 for times in seen.values()), 37)

    def test_answers_that_make_way_are_asked_for_again(self):
        """More views than answers are kept of an image.  The victim takes the brightest of ten
        pixels, which numpy finds too."""
        need_victim()
        images = random_images(9, 1, 12, 12)
        write_set(os.path.join(self.folder, "set.h5"), {"a": images})
        write_victim(os.path.join(self.folder, "victim.pt"), "return x.flatten(1)[:, 60:70]")
        sigmas = "0", "0.4", "0.7", "1", "1.3"
        job = {
            "victim.file": "victim.pt",
            "solver.iterations": "0, 5",
            "run.block": 4,
            "sweep.solver.gamma": "0.02, 1",
            "sweep.baseline.blur_sigma": ", ".join(sigmas),
            "sweep.solver.theta": "10, 1e5",
        }

        def brightest(pixels):
            return np.float32(pixels).reshape(9, -1)[:, 60:70].argmax(1).tolist()

        with h5py.File(purify(self.folder, job, "--overwrite")) as file:
            for name, run in file["runs"].items():
                records, sigma = run["a/per_image"], run.attrs["baseline.blur_sigma"]
                blurred = library.view("blurred", np.float32(images), baseline__blur_sigma=sigma)
                with self.subTest(run=name):
                    for view, pixels in (
                        ("attacked", images),
                        ("blurred", blurred),
                        ("purified", run["a/images"][()]),
                    ):
                        self.assertEqual(
                            records["predicted_" + view].tolist(), brightest(pixels), view
                        )

    def test_points_of_two_precisions_share_no_mean(self):
        """Float32 and float64 give different means of the same marginals.  Each point gets its own,
        as if it were alone."""
        need_victim()
        write_set(os.path.join(self.folder, "set.h5"), {"a": random_images(32, 1, 12, 12)})
        # Of ten classes that which the last bits of the sum of all pixels are nearest to.
        write_victim(
            os.path.join(self.folder, "victim.pt"),
            """
            s = torch.remainder((x.double() * 8388608.0).sum(dim=[1, 2, 3]), 10.0)
            return (-(s.view(-1, 1) - torch.arange(10).double() - 0.5).abs()).float()
        """,
        )
        job = {
            "victim.file": "victim.pt",
            "solver.precision": "auto",
            "solver.iterations": 20,
            "run.block": 16,
        }
        together = read(
            purify(self.folder, {**job, "sweep.solver.gamma": "2, 0.05"}, "--overwrite"),
            "runs/000/a/per_image",
            "runs/001/a/per_image",
        )
        for point, gamma, bits in zip(together, (2, 0.05), (32, 64)):
            alone = read(
                purify(self.folder, {**job, "solver.gamma": gamma}, "--overwrite"),
                "runs/000/a/per_image",
            )
            self.assertEqual(set(alone["bits"]), {bits})
            self.assertEqual(point.tobytes(), alone.tobytes())


if __name__ == "__main__":
    unittest.main()
