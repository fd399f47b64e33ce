"""The templates of slurm/ on a real SLURM (cluster.sh), with the demo set: what they write is what a
run by hand writes.  Skips, with exit status 77, where SLURM cannot run."""

import os
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "runs"))
from support import DEMO_SET, DEMO_VICTIM, PROGRAM, SOURCE, RunTest, contents, job_text, launch

TEMPLATES = os.path.join(SOURCE, "slurm")
CLUSTER = os.path.join(SOURCE, "tests", "slurm", "cluster.sh")

# The time a state takes to come about on a busy machine, not the time it should take.
PATIENCE = 240


class Slurm(RunTest):
    JOB = {"input.file": DEMO_SET, "victim.file": DEMO_VICTIM, "output.file": "result.h5", "input.limit": 100, "run.block": 8,
           "run.progress": 0.5, "solver.gamma": 0.05, "solver.iterations": "20, 60", "sweep.marginals.set": "B4, B6, identity + rotate 4 + translate 1 1"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(subprocess.run, ["bash", CLUSTER, "stop", os.path.join(cls.folder, "cluster")], capture_output=True)
        started = subprocess.run(["bash", CLUSTER, "start", os.path.join(cls.folder, "cluster")], capture_output=True, text=True)
        if started.returncode == 77:
            print(f"SKIPPED LOUDLY: no SLURM here: {started.stderr}", file=sys.stderr)
            cls.doClassCleanups()
            os._exit(77)
        if started.returncode:
            raise RuntimeError(started.stderr)
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        cls.environment.update(dict([started.stdout.strip().split("=", 1)]), BARYDEF=PROGRAM, OMP_NUM_THREADS="1", LC_ALL="C.UTF-8",
                               # More ranks than cores, on two nodes that are one machine; root.
                               OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_btl_tcp_if_include="lo",
                               OMPI_MCA_oob_tcp_if_include="lo", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        cls.job = os.path.join(cls.folder, "job.ini")
        with open(cls.job, "w") as file:
            file.write(job_text(cls.JOB))
        finished = launch("run", cls.job, "--set=output.file=whole.h5", ranks=2)
        if finished.status:
            raise RuntimeError(str(finished))
        cls.expected = contents(os.path.join(cls.folder, "whole.h5"))

    def command(self, *arguments, status=0, **environment):
        done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, env={**self.environment, **environment}, cwd=self.folder,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def state(self, number):
        shown = self.command("scontrol", "show", "job", number)
        return re.findall(r"JobState=(\w+)", shown)

    def wait_for(self, number, *states):
        """Until every task of the job is in one of the states; the log otherwise."""
        deadline = time.time() + PATIENCE
        while not all(state in states for state in self.state(number)):
            self.assertLess(time.time(), deadline, f"job {number} is {self.state(number)}, not {states}\n{self.logs()}")
            time.sleep(0.2)

    def logs(self):
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(os.path.join(self.folder, name)) as file:
                    text += f"==> {name}\n{file.read()[-600:]}\n"
        return text

    def finished(self, number):
        self.wait_for(number, "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        self.assertEqual(set(self.state(number)), {"COMPLETED"}, self.logs())

    def check(self, name):
        path = os.path.join(self.folder, name)
        self.assert_same(self.expected, contents(path))
        self.assertIn("all checksums are right", launch("check", path).out)

    def sbatch(self, template, *arguments, options=(), **environment):
        return self.command("sbatch", "--parsable", *options, os.path.join(TEMPLATES, template), *arguments, **environment)

    def begun(self, name):
        """Until a run has done a third and not all."""
        path = os.path.join(self.folder, name)
        deadline = time.time() + PATIENCE
        while True:
            found = re.search(r"NOT COMPLETE: (\d+) of (\d+)", launch("check", path).out)
            if found and int(found.group(1)) * 3 > int(found.group(2)):
                return
            self.assertLess(time.time(), deadline, self.logs())
            time.sleep(0.2)

    def test_one_job(self):
        for launcher in "srun", "mpirun":
            number = self.sbatch("run.sbatch", self.job, f"--set=output.file={launcher}.h5", options=["--ntasks=3"], BARYDEF_LAUNCHER=launcher)
            self.finished(number)
            self.check(f"{launcher}.h5")

    def test_sweep_over_two_nodes(self):
        for launcher in "srun", "mpirun":
            number = self.sbatch("sweep.sbatch", self.job, f"--set=output.file=sweep-{launcher}.h5", "--set=run.writers=all",
                                 options=["--nodes=2", "--ntasks-per-node=2"], BARYDEF_LAUNCHER=launcher)
            self.finished(number)
            self.check(f"sweep-{launcher}.h5")
            import h5py
            with h5py.File(os.path.join(self.folder, f"sweep-{launcher}.h5")) as file:
                self.assertEqual((file.attrs["hosts"], file.attrs["ranks"], file.attrs["slurm_job_id"].decode()), (b"n1,n2", 4, number))

    def test_array_merge_and_report(self):
        submit = os.path.join(TEMPLATES, "submit.sh")
        out = self.command("bash", submit, "array", self.job, "array.h5", 3, "--", "--ntasks=2")
        numbers = re.findall(r"job (\d+)", out)
        self.assertEqual(len(numbers), 3, out)
        self.finished(numbers[2])
        self.check("array.h5")
        self.assertEqual([name for name in sorted(os.listdir(self.folder)) if name.startswith("array.part")],
                         ["array.part-1.h5", "array.part-2.h5", "array.part-3.h5"])
        with open(os.path.join(self.folder, "array.txt")) as file:
            self.assertIn("run 005, set identity + rotate 4 + translate 1 1, iterations 60", file.read())
        # A part that fails stops what waits for it.
        out = self.command("bash", submit, "array", self.job, "array.h5", 9, "--", "--ntasks=1")
        numbers = re.findall(r"job (\d+)", out)
        self.wait_for(numbers[2], "CANCELLED")

    def test_run_and_report(self):
        out = self.command("bash", os.path.join(TEMPLATES, "submit.sh"), "run", self.job, "chain.h5", "--", "--ntasks=2")
        run, report = re.findall(r"job (\d+)", out)
        self.finished(report)
        self.check("chain.h5")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "chain.txt")))

    SECONDS = ("--set=solver.iterations=20, 6000", "--set=solver.gamma=0.5", "--set=input.limit=60")
    MINUTE = ("--set=solver.iterations=20, 20000", "--set=solver.gamma=0.5", "--set=input.limit=60")

    def by_hand(self, options):
        finished = launch("run", self.job, *options, "--set=output.file=by-hand.h5", "--overwrite", ranks=2, timeout=300)
        self.assertEqual(finished.status, 0, finished)
        return contents(os.path.join(self.folder, "by-hand.h5"))

    def until_complete(self, number):
        """How often the job went back into the queue."""
        restarts, deadline = 0, time.time() + PATIENCE
        while self.state(number) != ["COMPLETED"]:
            # A job on its way back into the queue passes through other states.
            ended = 0
            while self.state(number)[0] in ("FAILED", "CANCELLED", "TIMEOUT"):
                ended += 1
                self.assertLess(ended, 20, self.command("scontrol", "show", "job", number) + self.logs())
                time.sleep(0.5)
            self.assertLess(time.time(), deadline, self.logs())
            if "Reason=BeginTime" in self.command("scontrol", "show", "job", number):
                restarts += 1
                # SLURM would wait two minutes.
                self.command("scontrol", "update", f"JobId={number}", "StartTime=now")
            time.sleep(0.5)
        self.assertGreater(restarts, 0, self.logs())
        with open(os.path.join(self.folder, f"barydef-{number}.log")) as file:
            log = file.read()
        self.assertRegex(log, r"stopped with \d+ of 1800 images done; --resume goes on")
        self.assertRegex(log, r"resuming: \d+ of 1800 images are done")
        return restarts

    def test_time_limit_requeue_resume(self):
        """A limit of one minute: USR1 comes before it, the job goes back into the queue, until all is done."""
        number = self.sbatch("run.sbatch", self.job, *self.MINUTE, "--set=output.file=limit.h5",
                             options=["--ntasks=2", "--time=1", "--signal=B:USR1@50"])
        restarts = self.until_complete(number)
        self.assert_same(self.by_hand(self.MINUTE), contents(os.path.join(self.folder, "limit.h5")))
        print(f"time limit: {restarts} times back into the queue, then complete and the same bits")

    def test_requeue_and_cancel(self):
        expected = self.by_hand(self.SECONDS)
        number = self.sbatch("run.sbatch", self.job, *self.SECONDS, "--set=output.file=requeue.h5", options=["--ntasks=2"],
                             BARYDEF_LAUNCHER="srun")
        self.begun("requeue.h5")
        self.command("scancel", "--batch", "--signal=USR1", number) # what the limit does
        self.until_complete(number)
        self.assert_same(expected, contents(os.path.join(self.folder, "requeue.h5")))
        for launcher in "srun", "mpirun":
            name = f"cancel-{launcher}.h5"
            arguments = ("run.sbatch", self.job, *self.SECONDS, f"--set=output.file={name}")
            number = self.sbatch(*arguments, options=["--ntasks=2"], BARYDEF_LAUNCHER=launcher)
            self.begun(name)
            self.command("scancel", number)
            self.wait_for(number, "CANCELLED")
            deadline = time.time() + PATIENCE # the state comes before the end of the ranks
            while subprocess.run(["pgrep", "-f", f"output.file={name}"], capture_output=True).stdout:
                self.assertLess(time.time(), deadline)
                time.sleep(0.2)
            self.assertIn("NOT COMPLETE", launch("check", os.path.join(self.folder, name)).out)
            self.finished(self.sbatch(*arguments, options=["--ntasks=4"], BARYDEF_LAUNCHER=launcher))
            self.assert_same(expected, contents(os.path.join(self.folder, name)))


if __name__ == "__main__":
    unittest.main()
