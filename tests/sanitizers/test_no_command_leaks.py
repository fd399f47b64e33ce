"""No command leaks.

LeakSanitizer is preloaded into the program as it is.  lsan.supp tells it what Open MPI keeps.  The
victim is left to preset asan, since finding the caller of each allocation of libtorch takes
half a minute."""

import os
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
from inputs import random_images, write_set
from support import RunTest, launch, purify, run_job, skip

LSAN, KEEP = os.environ.get("BARYDEF_LSAN", ""), os.environ.get("BARYDEF_KEEP", "")
LEAK = 23


class Leaks(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not os.path.isfile(LSAN):
            skip("this compiler has no liblsan.so")
        # Unwind slowly: the fast way needs frame pointers, and suppressions match callers.
        cls.options = {
            "LD_PRELOAD": f"{LSAN} {KEEP}",
            "LSAN_OPTIONS": f"exitcode={LEAK}:fast_unwind_on_malloc=0:print_suppressions=0:"
            f"suppressions={HERE}/lsan.supp",
        }
        images = random_images(4, 2)
        write_set(
            os.path.join(cls.folder, "set.h5"),
            {"a": images, "b": images.astype("f4")},
            clean=images,
            chunks=(1, 1, 8, 10),
            compression="gzip",
        )
        if "ptrace" in run_job(cls.folder, "", name="empty.ini", **cls.options).err:
            skip("LeakSanitizer may not look at threads here (ptrace)")

    def clean(self, *arguments, status=0, **others):
        finished = launch(*arguments, **others, **self.options)
        self.assertEqual(finished.status, status, finished)
        self.assertNotIn("Sanitizer", finished.err)

    def run_clean(self, job, *options, status=0, output="result.h5", **others):
        return purify(
            self.folder, job, *options, output=output, status=status, **others, **self.options
        )

    def test_a_leak_is_found(self):
        """A job that is never freed is reported with the stack of its allocation."""
        library = os.path.join(self.folder, "forgetful.so")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library],
            input="void bd_job_free(void *job) { (void)job; }",
            text=True,
            check=True,
        )
        finished = run_job(
            self.folder,
            {"output.file": "leak.h5"},
            **{**self.options, "LD_PRELOAD": self.options["LD_PRELOAD"] + " " + library},
        )
        self.assertEqual(finished.status, LEAK, finished)
        self.assertRegex(finished.err, "(?s)LeakSanitizer.* in bd_job_parse ")

    def test_runs_do_not_leak(self):
        self.run_clean(
            {
                "sweep.solver.cost": "l1, l2",
                "sweep.solver.kernel": "auto, fftw",
                "solver.window": "full",
                "solver.gamma": 1,
                "solver.iterations": "2, 3",
            },
            output="kernels.h5",
        )
        self.run_clean(
            {
                "solver.method": "fista",
                "solver.gamma": 1,
                "solver.tolerance": 0.1,
                "solver.precision": "auto",
            },
            output="fista.h5",
        )
        self.run_clean({"run.writers": "all", "run.block": 1}, ranks=2, output="ranks.h5")

    def test_stopped_and_resumed_runs_do_not_leak(self):
        job = {"solver.iterations": "2, 3", "sweep.solver.gamma": "0.5, 1"}
        for part in 1, 2:
            self.run_clean(
                {**job, "run.max_minutes": 1e-6, "run.block": 1},
                f"--part={part}/2",
                status=75,
                output=f"part{part}.h5",
            )
            self.run_clean(
                job, f"--part={part}/2", "--resume", output=f"part{part}.h5", ranks=part - 1
            )
        path = lambda name: os.path.join(self.folder, name)
        self.clean("merge", path("whole.h5"), path("part1.h5"), path("part2.h5"))
        self.run_clean(job, "--resume", output="whole.h5")
        for arguments in (
            ("check", path("whole.h5")),
            ("inspect", path("whole.h5")),
            ("inspect", path("set.h5")),
            ("params",),
            ("--version",),
        ):
            self.clean(*arguments)

    def test_refusals_do_not_leak(self):
        for values in (
            {"input.file": "absent.h5"},
            {"input.attacks": "c"},
            {"solver.gamma": "nan"},
            {"input.file": "job.ini"},
        ):
            self.run_clean({**values, "output.file": "none.h5"}, status=2)
        self.clean("check", os.path.join(self.folder, "set.h5"), status=2)


if __name__ == "__main__":
    unittest.main()
