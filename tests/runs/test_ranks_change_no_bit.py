"""The result is bit-identical for any number of ranks and any block size."""

import os
import re
import subprocess
import sys
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set, write_victim
from results import contents, read
from support import (
    BASE,
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    PATIENCE,
    PROGRAM,
    RunTest,
    job_text,
    need_victim,
    purify,
)

# Ranks, where 0 means without mpirun, and block size.  Some have more ranks than blocks.
LAUNCHES = [(0, 1000), (1, 32), (1, 3), (2, 1), (2, 8), (3, 3), (3, 1000), (5, 1), (5, 8), (5, 32)]


class Ranks(RunTest):
    def check(self, job, launches, status=0):
        """Every launch gives the result of one rank without mpirun and blocks of 8."""
        first = purify(
            self.folder, {**job, "run.block": 8}, "--overwrite", output="first.h5", status=status
        )
        expected = contents(first)
        for ranks, block in launches:
            with self.subTest(ranks=ranks, block=block):
                writers = "all" if block == 3 else "root"
                other = purify(
                    self.folder,
                    {**job, "run.block": block, "run.writers": writers},
                    "--overwrite",
                    ranks=ranks,
                    status=status,
                )
                with h5py.File(other, "r") as file:
                    self.assertEqual(file.attrs["ranks"], max(ranks, 1))
                    self.assertIn(f"\nblock = {block}\n", file.attrs["job"].decode())
                self.assert_same(expected, contents(other))
        return first

    def test_ranks_change_nothing_where_marginals_cease_to_be_known(self):
        """Shortcuts serve all of a run, a part of it that differs from image to image, or none."""
        images = random_images(17, 1, 12, 14)
        images[::3] = 0
        images[::3, 0, 6, 7] = 1  # leaves the guard at once
        images[1::3] **= 3
        write_set(os.path.join(self.folder, "set.h5"), {"a": images})
        job = {"sweep.solver.gamma": "0.005, 0.02, 0.03, 0.05", "solver.iterations": 60}
        launches = [(0, 1000), (1, 3), (2, 1), (3, 5)]
        result = self.check(job, launches)
        tables = read(result, *[f"runs/{run:03d}/a/per_image" for run in range(4)])
        skipped = [len(set(table["evaluations_skipped"].tolist())) for table in tables]
        self.assertGreater(min(skipped[:2]), 2, "images leave the guard at different times")

    def test_ranks_change_nothing_in_colour_with_failures_victim_and_sweep(self):
        need_victim()
        count = 21
        attacked, clean = random_images(count, 3, 9, 11), random_images(count, 3, 9, 11, seed=1)
        for image, pixel in (2, np.nan), (8, -0.5), (15, np.inf):
            attacked[image, 1, 4, 5] = pixel
        attacked[20] = 0
        attacked[3, 2] = 0  # one channel only: no failure
        write_set(
            os.path.join(self.folder, "set.h5"),
            {"a": attacked, "b": attacked[::-1].astype("f4")},
            clean=clean,
            compression="gzip",
            shuffle=True,
            chunks=(4, 1, 9, 11),
        )
        write_victim(os.path.join(self.folder, "victim.pt"))
        result = self.check(
            {
                "solver.iterations": "1, 6",
                "sweep.solver.gamma": "0.05, 0.5",
                "sweep.marginals.set": "B4, B6",
                "victim.file": "victim.pt",
                "victim.batch": 5,
            },
            LAUNCHES,
            status=3,
        )
        statistics, figures = read(result, "statistics", "runs/007/a/per_image")
        self.assertEqual(statistics["failed"].tolist(), [4, 4, 0] * 8)
        self.assertEqual(np.flatnonzero(figures["status"]).tolist(), [2, 8, 15, 20])
        self.assertGreater(len(set(figures["predicted_purified"])), 3)

    def test_ranks_change_nothing_of_the_demo_set(self):
        need_victim()
        self.check(
            {
                "input.file": DEMO_SET,
                "input.limit": 30,
                "victim.file": DEMO_VICTIM,
                "solver.gamma": 0.02,
                "solver.iterations": 20,
                "run.progress": 30,
            },
            [(1, 1000), (3, 3), (5, 8)],
        )

    def test_ranks_change_nothing_in_grey_without_victim(self):
        images = random_images(40, 1, 8, 10)
        images[17] = np.nan
        write_set(os.path.join(self.folder, "set.h5"), {"a": images})
        self.check(
            {"output.images": "no", "solver.iterations": "0, 30"}, [(2, 32), (3, 1)], status=3
        )
        self.check({}, [(5, 3)], status=3)

    def test_images_beyond_the_guard_change_no_others(self):
        """Single lit pixels leave float64's range, or an FFT's, where their neighbours do not."""
        images = random_images(25, 1, 12, 14)
        images[::3] = 0
        images[::3, 0, 6, 7] = 1
        write_set(os.path.join(self.folder, "set.h5"), {"a": images})
        for solver in [
            {"gamma": 0.01, "tau": 0.5},
            {"gamma": 0.01, "tau": 0.5, "window": "full"},
            {"gamma": 0.01, "tau": 0.3, "cost": "sql2"},
            {"gamma": 0.01, "tau": 0.5, "cost": "l2", "window": "full", "kernel": "direct"},
            {"gamma": 0.3, "tau": 0.2, "cost": "l2", "window": "full", "kernel": "fftw"},
            {"gamma": 0.5, "tau": 0.5, "kernel": "fftw"},
            {"gamma": 0.5, "method": "fista", "tolerance": 0.02},
        ]:
            job = {f"solver.{key}": value for key, value in solver.items()}
            first = self.check({**job, "solver.iterations": 60}, [(3, 1), (2, 1000)])
            if "method" not in solver:
                with h5py.File(first) as file:
                    used = file["runs/000/a/per_image"]["fallback"]
                    self.assertTrue(0 < used.sum() < len(used), f"{solver}: {used}")
                    self.assertEqual(file["runs/000"].attrs["fallbacks"], used.sum())

    def test_ranks_change_nothing_of_any_instructions_and_precision(self):
        """Each set of instructions gives the same bits on any ranks, is named in the result, and
        agrees with the others.  So does float32."""
        images = random_images(25, 1, 12, 14)
        images[::4] = 0
        images[::4, 0, 6, 7] = 1
        write_set(os.path.join(self.folder, "set.h5"), {"a": images})
        best = re.search(
            r"^instructions (\w+)$",
            subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout,
            re.M,
        ).group(1)
        names = ["baseline", "avx2", "avx512"]
        figures = []
        for name in names[: names.index(best) + 1] + ["auto"]:
            result = self.check(
                {"solver.gamma": 0.5, "solver.iterations": 40, "solver.instructions": name},
                [(3, 1), (2, 1000)],
            )
            with h5py.File(result) as file:
                self.assertEqual(
                    file["runs/000"].attrs["instructions_used"].decode(),
                    best if name == "auto" else name,
                )
                figures.append(file["runs/000/a/per_image"][:])
        self.assertEqual(set(figures[-1]["bits"]), {64})
        self.assertEqual(figures[-1].tobytes(), figures[-2].tobytes())
        for other in figures:
            for field in ("residual", "objective"):
                np.testing.assert_allclose(other[field], figures[-1][field], rtol=0, atol=1e-12)
        result = self.check(
            {
                "solver.gamma": 2,
                "solver.tau": 0.2,
                "solver.iterations": 100,
                "solver.precision": "auto",
            },
            [(3, 1), (2, 1000)],
        )
        with h5py.File(result) as file:
            bits, defects = (
                file["runs/000/a/per_image"]["bits"],
                file["runs/000/a/per_image"]["mass_defect"],
            )
            self.assertEqual(
                set(bits), {32, 64}, "the set must have images on both sides of the guard"
            )
            self.assertLess(defects[bits == 64].max(), 1e-12)
            self.assertLess(defects.max(), 1e-5)

    @unittest.skipIf(PATIENCE > 1, "AddressSanitizer keeps what was freed")
    def test_memory_does_not_grow_with_the_number_of_attacks(self):
        """Each attack is one chunk of 19 MB.  At most one of them, and the clean one, is
        inflated."""
        images = np.round(random_images(200, 1, 28, 28), 2).astype("f4")
        images = np.tile(images, (30, 1, 1, 1))
        write_set(
            os.path.join(self.folder, "chunks.h5"),
            {name: images for name in "abcdefgh"},
            compression="gzip",
            chunks=images.shape,
        )
        job = {
            "input.file": "chunks.h5",
            "output.file": "chunks-result.h5",
            "marginals.set": "identity",
            "solver.iterations": 0,
            "input.limit": 64,
            "input.clean": "no",
        }
        path = os.path.join(self.folder, "chunks.ini")
        with open(path, "w") as file:
            file.write(job_text({**BASE, **job}))
        one, eight = self.peak(path, "--set=input.attacks=a"), self.peak(path)
        self.assertLess(eight, one + 10, f"MiB with one and with eight attacks: {one}, {eight}")

    def peak(self, path, *arguments):
        """Peak resident memory of a run, in MiB."""
        measure = (
            "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
            "used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss; "
            "print('peak', used // 1024); sys.exit(code)"
        )
        command = [sys.executable, "-c", measure, PROGRAM, "run", path, "--overwrite", *arguments]
        finished = subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(finished.returncode, 0, finished)
        return int(finished.stdout.split("peak ")[1])

    def test_memory_does_not_grow_with_the_set(self):
        """One rank gets 30 times the images, 94 MB of float64, and gives 47 MB of float32."""
        write_set(
            os.path.join(self.folder, "large.h5"),
            {"a": np.tile(random_images(500, 1, 28, 28), (30, 1, 1, 1))},
        )
        job = {
            "input.file": "large.h5",
            "output.file": "large-result.h5",
            "marginals.set": "identity",
            "solver.iterations": 0,
        }
        path = os.path.join(self.folder, "large.ini")
        with open(path, "w") as file:
            file.write(job_text({**BASE, **job}))
        peaks = [self.peak(path, f"--set=input.limit={limit}") for limit in (500, 15000)]
        self.assertLess(peaks[1], peaks[0] + 25, f"MiB at 500 and 15000 images: {peaks}")


if __name__ == "__main__":
    unittest.main()
