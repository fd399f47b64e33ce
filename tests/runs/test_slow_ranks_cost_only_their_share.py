"""A rank that is slower than the others or stopped for a while costs its share, and a file that is
slow to write costs no memory.

Only sleeps take time here (tests/faults), a known number for each image.  So other work on the
machine changes the figures little, and the time of an ideal distribution is known."""

import os
import re
import signal
import subprocess
import sys
import time
import unittest

from inputs import random_images, write_set
from support import (
    BASE,
    ENVIRONMENT,
    FAULTS,
    MPIRUN,
    PATIENCE,
    PEAK,
    PROGRAM,
    RunTest,
    job_text,
    launch,
    peaks,
    ranks_of,
)

SIDE = 16
IMAGE = SIDE * SIDE * 4  # bytes of float32


class Slowness(RunTest):
    # Messages are small enough for MPI to send them at once.  A rank that sleeps makes no
    # progress with larger ones, unlike a rank that solves.
    SMALL = {"run.block": 64, "output.images": "no"}

    def start(self, ranks, job, *wrapper, **environment):
        path = os.path.join(self.folder, "job.ini")
        with open(path, "w") as file:
            file.write(
                job_text({**BASE, "marginals.set": "identity", "solver.iterations": 0, **job})
            )
        return subprocess.Popen(
            [MPIRUN, "-n", str(ranks), *wrapper, PROGRAM, "run", path, "--overwrite"],
            text=True,
            stdin=subprocess.DEVNULL,
            env={
                **ENVIRONMENT,
                "OMPI_MCA_mpi_yield_when_idle": "1",
                "OMPI_MCA_btl_vader_eager_limit": "16384",
                "OMPI_MCA_btl_sm_eager_limit": "16384",
                "LD_PRELOAD": FAULTS,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self, process):
        """Seconds that the run tells, load of each rank in percent, and what it wrote to stderr."""
        out, err = process.communicate(timeout=120 * PATIENCE)
        self.assertEqual(process.returncode, 0, out + err)
        count, rate = map(
            int, re.search(r"(\d+) images in [\d.]+ s \((\d+) images/s\)", out).groups()
        )
        return (
            count / rate,
            [
                float(load)
                for load in re.findall(r"([\d.]+) %", re.search(r"\n  rank 0: .*", out).group())
            ],
            err,
        )

    def write_set(self, count, side):
        write_set(
            os.path.join(self.folder, "set.h5"),
            {"a": random_images(count, 1, side, side).astype("f4")},
        )

    def reading(self, *milliseconds):
        """The sleeps of each rank for an image."""
        return {
            "FAULT_FILE": "set.h5",
            "SLOW_READ": ",".join(str(1e6 * m / IMAGE) for m in milliseconds),
        }

    def within(self, measure):
        """A measurement, (seconds, bound, text), keeps the bound in one of three tries.  Other work
        only adds to it."""
        tries = []
        for _ in range(3):
            tries.append(measure())
            print(tries[-1][2])
            if tries[-1][0] <= tries[-1][1]:
                return
        self.fail(f"three times beyond the bound: {tries}")

    def test_a_rank_ten_times_slower_costs_its_share(self):
        """Two ranks, one at a tenth of the speed, make 1.1 ranks.  They come within a tenth of
        that, so that they are no slower than the fast one alone, and both work nearly to the
        end."""
        count = 1600
        self.write_set(count, SIDE)
        ideal = count / (1 / 0.002 + 1 / 0.02)

        def measure():
            seconds, loads, _ = self.end(self.start(2, self.SMALL, **self.reading(2, 20)))
            self.assertGreater(min(loads), 60)
            return (
                seconds,
                1.1 * ideal,
                f"one rank of two ten times slower: {seconds:.2f} s, ideal {ideal:.2f} "
                f"(x {seconds / ideal:.3f}), loads {loads} %",
            )

        self.within(measure)

    def test_a_stopped_rank_costs_its_share(self):
        """SIGSTOP of one of three ranks for two seconds costs what that rank would do in them.
        That is a quarter of the work, since rank 0 sleeps half as long as the others.  It reads no
        messages while it sleeps."""
        count = 2400
        self.write_set(count, SIDE)
        ideal = count / (1 / 0.0025 + 2 / 0.005)

        def measure():
            process = self.start(3, {**self.SMALL, "run.progress": 0.1}, **self.reading(2.5, 5))
            for line in process.stderr:
                if re.search(r"barydef: [1-9]\d*/", line):
                    break
            victim = max(ranks_of(process))
            start = time.monotonic()
            os.kill(victim, signal.SIGSTOP)
            time.sleep(2)
            os.kill(victim, signal.SIGCONT)
            share = (time.monotonic() - start) / 4
            seconds, loads, _ = self.end(process)
            return (
                seconds,
                1.2 * ideal + share,
                (
                    f"one rank of three stopped for {4 * share:.2f} s: {seconds:.2f} s, "
                    f"ideal {ideal:.2f} and {share:.2f} "
                    f"for its share (x {seconds / (ideal + share):.3f}), loads {loads} %"
                ),
            )

        self.within(measure)

    @unittest.skipIf(PATIENCE > 1, "AddressSanitizer keeps what was freed")
    def test_a_slow_writer_costs_no_memory(self):
        """Blocks of 57 MB from four ranks, written at 25 MB/s, pile up on no rank.  Beyond what a
        run of one image needs, each rank takes no more than --dry-run states."""
        count, side, block = 1536, 96, 32
        self.write_set(count, side)
        job = {"run.block": block}

        def measure(limit, **environment):
            seconds, _, err = self.end(
                self.start(
                    4, {**job, "input.limit": limit}, sys.executable, "-c", PEAK, **environment
                )
            )
            return seconds, peaks(err)

        few, fast, slow = (
            measure(1),
            measure(count),
            measure(count, FAULT_FILE="result.h5", SLOW_WRITE="40"),
        )
        planned = launch(
            "run", os.path.join(self.folder, "job.ini"), "--overwrite", "--dry-run", ranks=4
        )
        self.assertRegex(planned.out, "solver about", planned)
        stated, images = (
            float(re.search(r"solver about ([\d.]+) MiB", planned.out).group(1)),
            4 * side * side * block / 2**20,
        )
        print(
            f"peak MiB of the ranks: one image {few[1]}, {count} images {fast[1]}, "
            f"written slowly {slow[1]} ({slow[0]:.1f} s instead of {fast[0]:.1f}); "
            f"stated {stated:.1f} for blocks and solver, and {images:.1f} for a third block"
        )
        self.assertGreater(
            slow[0], 0.9 * 40e-9 * 4 * side * side * count
        )  # the writing took the time
        self.assertLess(slow[1][0] - fast[1][0], 3 * images)
        for rank in range(4):
            self.assertLess(slow[1][rank] - few[1][rank], stated + images, f"rank {rank}")


if __name__ == "__main__":
    unittest.main()
