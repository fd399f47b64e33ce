"""A test class with a real SLURM (cluster.sh) and its commands.  Where SLURM cannot run, the test
program ends with 77, which skips it."""

import os
import re
import subprocess
import sys
import time

from support import PROGRAM, SOURCE, RunTest

CLUSTER = os.path.join(SOURCE, "tests", "slurm", "cluster.sh")
TEMPLATES = os.path.join(SOURCE, "slurm")

# The time a state takes to come about on a busy machine, not the time it should take.
PATIENCE = 480


class SlurmTest(RunTest):
    """A test class with a SLURM of its own, in its folder."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(
            subprocess.run,
            ["bash", CLUSTER, "stop", os.path.join(cls.folder, "cluster")],
            capture_output=True,
        )
        started = subprocess.run(
            ["bash", CLUSTER, "start", os.path.join(cls.folder, "cluster")],
            capture_output=True,
            text=True,
        )
        if started.returncode == 77:
            print(f"SKIPPED LOUDLY: no SLURM here: {started.stderr}", file=sys.stderr)
            cls.doClassCleanups()
            os._exit(77)
        if started.returncode:
            raise RuntimeError(started.stderr)
        cls.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("SLURM_")
        }
        cls.environment.update(
            dict([started.stdout.strip().split("=", 1)]),
            BARYDEF=PROGRAM,
            OMP_NUM_THREADS="1",
            LC_ALL="C.UTF-8",
            # More ranks than cores, on two nodes that are one machine; root.
            OMPI_MCA_mpi_yield_when_idle="1",
            OMPI_MCA_hwloc_base_binding_policy="none",
            OMPI_MCA_btl_tcp_if_include="lo",
            OMPI_MCA_oob_tcp_if_include="lo",
            OMPI_ALLOW_RUN_AS_ROOT="1",
            OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
            # mpirun waits twice as long where its ranks end with 75.
            OMPI_MCA_odls_base_sigkill_timeout="2",
        )

    def finished(self, *arguments, status=0, **environment):
        """Run a command, which must end with this status.  Returns what it printed."""
        done = subprocess.run(
            list(map(str, arguments)),
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            cwd=self.folder,
            timeout=PATIENCE,
        )
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}{done.stderr}")
        return done

    def command(self, *arguments, status=0, **environment):
        """Run a command, which must end with this status.  Returns its standard output."""
        return self.finished(*arguments, status=status, **environment).stdout.strip()

    def state(self, number):
        """The state of each task of a job."""
        return self.shown(number, "JobState", r"\w+")

    def restarts(self, number):
        """How often a job has gone back into the queue."""
        return sum(map(int, self.shown(number, "Restarts", r"\d+")))

    def shown(self, number, name, pattern):
        """What SLURM says of each task of a job."""
        return re.findall(rf"\b{name}=({pattern})", self.command("scontrol", "show", "job", number))

    def wait_until(self, happened, what):
        """Wait until a function returns true."""
        deadline = time.time() + PATIENCE
        while not happened():
            self.assertLess(time.time(), deadline, f"waited for {what}\n{self.logs()}")
            time.sleep(0.2)

    ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"}

    def ended(self, number, state):
        """Wait until every task of the job has ended.  A job on its way back into the queue never
        looks as if it had."""
        self.wait_until(
            lambda: self.ENDED >= set(self.state(number))
            or (self.ENDED - {state}) & set(self.state(number)),
            f"the end of job {number}",
        )
        self.assertEqual(
            set(self.state(number)),
            {state},
            self.command("scontrol", "show", "job", number) + self.logs(),
        )

    def logs(self):
        """The ends of all logs, for a message."""
        return "".join(
            f"==> {name}\n{self.read(name)[-600:]}\n"
            for name in sorted(os.listdir(self.folder))
            if name.endswith(".log")
        )

    def log(self, number):
        """The log of a job."""
        return self.read(
            *[name for name in os.listdir(self.folder) if name.endswith(f"-{number}.log")]
        )

    def read(self, name):
        """The text of a file in the folder."""
        with open(os.path.join(self.folder, name)) as file:
            return file.read()

    def sbatch(self, template, *arguments, options=(), **environment):
        """Submit a batch script of slurm/ by itself.  Returns the number of the job."""
        return self.command(
            "sbatch",
            "--parsable",
            *options,
            os.path.join(TEMPLATES, template),
            *arguments,
            **environment,
        )
