"""On a real SLURM, the templates of slurm/ write what a run by hand writes, here of the demo set.

Jobs mostly wait for SLURM, so the tests run side by side, each with results of its own name."""

import os
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

from real_slurm import TEMPLATES, SlurmTest
from results import contents
from support import DEMO_SET, DEMO_VICTIM, job_text, launch, side_by_side


class Templates(SlurmTest):
    JOB = {
        "input.file": DEMO_SET,
        "victim.file": DEMO_VICTIM,
        "output.file": "result.h5",
        "input.limit": 100,
        "run.block": 8,
        "run.progress": 0.5,
        "solver.gamma": 0.05,
        "solver.iterations": "20, 60",
        "sweep.marginals.set": "B4, B6, identity + rotate 4 + translate 1 1",
    }
    # It takes one rank ten seconds, and is to be interrupted.
    LONG = {**JOB, "solver.iterations": "20, 2500", "solver.gamma": 0.5, "input.limit": 60}
    # It takes one rank half a minute, since SLURM's shortest limit is to interrupt it.
    LIMITED = {**LONG, "solver.iterations": "20, 6000"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with ThreadPoolExecutor() as pool:
            jobs = ("job", cls.JOB), ("long", cls.LONG), ("limited", cls.LIMITED)
            (
                (cls.job, cls.expected),
                (cls.long, cls.expected_long),
                (cls.limited, cls.expected_limited),
            ) = pool.map(lambda job: cls.by_hand(*job), jobs)

    @classmethod
    def by_hand(cls, name, values):
        """Write a job file and run it without SLURM.  Returns its path and what came out."""
        job = os.path.join(cls.folder, f"{name}.ini")
        with open(job, "w") as file:
            file.write(job_text(values))
        finished = launch("run", job, f"--set=output.file={name}-by-hand.h5", ranks=2, timeout=300)
        if finished.status:
            raise RuntimeError(str(finished))
        return job, contents(os.path.join(cls.folder, f"{name}-by-hand.h5"))

    def check(self, name, expected=None):
        path = os.path.join(self.folder, name)
        self.assert_same(expected or self.expected, contents(path))
        self.assertIn("all checksums are right", launch("check", path).out)

    def submit(self, *arguments, templates=TEMPLATES, **environment):
        """Call submit.sh.  Returns the numbers of the jobs."""
        return re.findall(
            r"job (\d+)",
            self.command("bash", os.path.join(templates, "submit.sh"), *arguments, **environment),
        )

    def done(self, name):
        """Tell how many images of a result that is being written are done, and of how many."""
        found = re.search(
            r"NOT COMPLETE: (\d+) of (\d+)", launch("check", os.path.join(self.folder, name)).out
        )
        return tuple(map(int, found.groups())) if found else (0, 1)

    def begun(self, name, share):
        """Wait until a run has done more than this share, and not all."""

        def happened():
            done, total = self.done(name)
            return done > share * total

        self.wait_until(happened, f"{share} of {name}")

    STOPPED = r"stopped with \d+ of 1800 images done; --resume goes on"
    RESUMED = r"resuming: \d+ of 1800 images are done"

    def test_a_run_is_followed_by_its_report(self):
        run, report = self.submit(
            "run", self.job, "chain.h5", "--set", f"input.file={DEMO_SET}", "--", "--ntasks=3"
        )
        _, without = self.submit(
            "run",
            self.job,
            "plain.h5",
            "--",
            "--ntasks=3",
            BARYDEF_LAUNCHER="mpirun",
            BARYDEF_PYTHON="/nowhere",
        )
        self.ended(report, "COMPLETED")
        self.ended(without, "COMPLETED")
        for name in "chain", "plain":
            self.check(f"{name}.h5")
            self.assertIn(
                "run 005, set identity + rotate 4 + translate 1 1, iterations 60",
                self.read(f"{name}.txt"),
            )
        self.assertIn("chain-report/report.html", self.log(report))
        self.assertIn("<h2>", self.read("chain-report/report.html"))
        self.assertTrue(os.path.exists(os.path.join(self.folder, "chain-report", "front.png")))
        self.assertIn("no figures: they need a Python", self.log(without))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "plain-report")))

    def test_a_sweep_over_two_nodes_is_one_run(self):
        nodes = ["--nodes=2", "--ntasks-per-node=2"]
        number = self.sbatch(
            "sweep.sbatch",
            self.job,
            "--set=output.file=sweep-srun.h5",
            "--set=run.writers=all",
            options=nodes,
            BARYDEF_LAUNCHER="srun",
        )
        self.ended(number, "COMPLETED")
        submitted, report = self.submit(
            "sweep",
            self.job,
            "sweep-mpirun.h5",
            "--",
            *nodes,
            BARYDEF_LAUNCHER="mpirun",
            BARYDEF_PYTHON="/nowhere",
        )
        self.ended(report, "COMPLETED")
        import h5py

        for name, number in ("sweep-srun.h5", number), ("sweep-mpirun.h5", submitted):
            self.check(name)
            with h5py.File(os.path.join(self.folder, name)) as file:
                self.assertEqual(
                    (file.attrs["hosts"], file.attrs["ranks"], file.attrs["slurm_job_id"].decode()),
                    (b"n1,n2", 4, number),
                )

    def test_an_array_with_a_requeued_task_is_one_run(self):
        array, merge, report = self.submit(
            "array", self.long, "array.h5", 3, "--", "--ntasks=1", BARYDEF_PYTHON="/nowhere"
        )
        self.begun("array.part-2.h5", 0.2)
        self.command("scancel", "--batch", "--signal=USR1", f"{array}_2")
        self.ended(report, "COMPLETED")
        self.assertEqual([self.restarts(f"{array}_{task}") for task in (1, 2, 3)], [0, 1, 0])
        log = self.log(f"{array}_2")
        self.assertRegex(log, r"stopped with \d+ of 600 images done; --resume goes on")
        self.assertRegex(log, r"resuming: \d+ of 600 images are done")
        self.check("array.h5", self.expected_long)
        self.assertEqual(
            [name for name in sorted(os.listdir(self.folder)) if name.startswith("array.part")],
            ["array.part-1.h5", "array.part-2.h5", "array.part-3.h5"],
        )
        self.assertIn(
            "run 005, set identity + rotate 4 + translate 1 1, iterations 2500",
            self.read("array.txt"),
        )
        # Submitted again all is found done, and nothing written.
        written = os.stat(os.path.join(self.folder, "array.h5")).st_mtime_ns
        array, merge, report = self.submit(
            "array", self.long, "array.h5", 3, "--", "--ntasks=1", BARYDEF_PYTHON="/nowhere"
        )
        self.ended(report, "COMPLETED")
        self.assertIn("nothing left to do", self.log(f"{array}_2"))
        self.assertEqual(os.stat(os.path.join(self.folder, "array.h5")).st_mtime_ns, written)
        # A part that fails, here since it is another job's, stops what waits for it.
        array, merge, report = self.submit("array", self.job, "array.h5", 3, "--", "--ntasks=1")
        self.ended(merge, "CANCELLED")

    def test_a_time_limit_loses_nothing(self):
        """USR1 comes before a limit of one minute, and the job goes back into the queue until all
        is done."""
        number = self.sbatch(
            "run.sbatch",
            self.limited,
            "--set=output.file=limit.h5",
            options=["--ntasks=1", "--time=1", "--signal=B:USR1@50"],
        )
        self.ended(number, "COMPLETED")
        self.assertGreater(self.restarts(number), 0, self.logs())
        self.assertRegex(
            self.log(number), f"(?s){self.STOPPED}.*launch.sh: back into the queue.*{self.RESUMED}"
        )
        self.check("limit.h5", self.expected_limited)
        print(
            f"time limit: {self.restarts(number)} times back into the queue, "
            "then complete and the same bits"
        )

    def test_requeue_and_preemption_lose_nothing(self):
        """With both launchers: the signal of the limit comes, then a job that is more urgent."""
        numbers = {
            launcher: self.sbatch(
                "run.sbatch",
                self.long,
                f"--set=output.file=requeue-{launcher}.h5",
                options=["--ntasks=2", "--partition=apart"],
                BARYDEF_LAUNCHER=launcher,
            )
            for launcher in ("srun", "mpirun")
        }
        for launcher, number in numbers.items():
            self.begun(f"requeue-{launcher}.h5", 0.1)
            self.command("scancel", "--batch", "--signal=USR1", number)
        for launcher, number in numbers.items():
            self.wait_until(
                lambda: self.restarts(number) == 1 and self.state(number) == ["RUNNING"],
                f"the second start of job {number}",
            )
            self.assertIn("launch.sh: back into the queue", self.log(number))
        for launcher, number in numbers.items():
            self.begun(f"requeue-{launcher}.h5", 0.3)
        self.command(
            "sbatch",
            "--partition=urgent",
            "--exclusive",
            "--output=urgent.log",
            "--wrap=true",
        )
        for launcher, number in numbers.items():
            self.ended(number, "COMPLETED")
            self.assertEqual(self.restarts(number), 2, self.logs())
            self.assertRegex(self.log(number), f"(?s)(?:{self.STOPPED}.*{self.RESUMED}.*){{2}}")
            self.check(f"requeue-{launcher}.h5", self.expected_long)

    def test_cancel_and_signals_to_the_step_lose_nothing(self):
        for launcher in "srun", "mpirun":
            name = f"cancel-{launcher}.h5"

            def start(share, ranks=2):
                number = self.sbatch(
                    "run.sbatch",
                    self.long,
                    f"--set=output.file={name}",
                    options=[f"--ntasks={ranks}"],
                    BARYDEF_LAUNCHER=launcher,
                )
                if share:
                    self.begun(name, share)
                return number

            if launcher == "srun":
                for signal, share in ("USR1", 0.1), ("TERM", 0.2):
                    number = start(share)
                    self.command("scancel", f"--signal={signal}", f"{number}.0")
                    self.ended(number, "FAILED")
                    self.assertEqual(self.shown(number, "ExitCode", r"\d+:\d+"), ["75:0"])
                    self.assertRegex(self.log(number), self.STOPPED)
            number = start(0.3)
            self.command("scancel", number)
            cancelled, number = number, start(
                0, ranks=4
            )  # at once: its ranks may still be at their blocks
            self.ended(number, "COMPLETED")
            self.assertRegex(self.log(number), self.RESUMED)
            self.assertRegex(self.log(cancelled), self.STOPPED)
            self.check(name, self.expected_long)

    @staticmethod
    def hears(number):
        """Tell whether the batch script of a job has set its trap for USR1.  The log of the job is
        there before, and a signal in between ends the script."""
        for process in os.listdir("/proc"):
            try:
                with open(f"/proc/{process}/environ", "rb") as file:
                    ours = f"SLURM_JOB_ID={number}".encode() in file.read().split(b"\0")
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    ours = ours and b"/slurm_script\0" in file.read()
                with open(f"/proc/{process}/status") as file:
                    caught = int(re.search(r"SigCgt:\s*(\w+)", file.read()).group(1), 16)
            except OSError:  # no process, or it has ended meanwhile
                continue
            if ours and caught >> (signal.SIGUSR1 - 1) & 1:
                return True
        return False

    def test_a_signal_at_the_start_leads_to_a_requeue(self):
        """USR1 before the launcher or its ranks can hear it; from templates whose path has
        blanks."""
        templates, job = os.path.join(self.folder, "my templates"), os.path.join(
            self.folder, "my job.ini"
        )
        shutil.copytree(TEMPLATES, templates)
        shutil.copy(self.job, job)
        for launcher in "srun", "mpirun":
            number, report = self.submit(
                "run",
                job,
                f"my {launcher}.h5",
                "--",
                "--ntasks=2",
                templates=templates,
                BARYDEF_LAUNCHER=launcher,
                STOP_SECONDS="1",
                BARYDEF_PYTHON="/nowhere",
            )
            self.wait_until(lambda: self.hears(number), "the first line of the batch script")
            self.command("scancel", "--batch", "--signal=USR1", number)
            self.wait_until(lambda: self.restarts(number) == 1, f"the requeue of job {number}")
            self.ended(report, "COMPLETED")
            self.check(f"my {launcher}.h5")
            self.assertIn("launch.sh: back into the queue", self.log(number))


if __name__ == "__main__":
    side_by_side(Templates, at_once=4)
