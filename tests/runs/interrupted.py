"""A run of some seconds in small blocks, to be interrupted and resumed."""

import os
import subprocess

import numpy as np

from inputs import random_images, write_set, write_victim
from results import contents
from support import (
    BASE,
    ENVIRONMENT,
    FAULTS,
    PROGRAM,
    RunTest,
    job_text,
    launch,
    need_victim,
    purify,
)


class Interrupted(RunTest):
    """A set, a job of some seconds in small blocks, and what the job gives uninterrupted."""

    JOB = {
        "run.block": 4,
        "solver.iterations": "3, 20",
        "sweep.solver.gamma": "0.05, 0.5",
        "victim.file": "victim.pt",
        "victim.batch": 8,
    }
    # The same job, for where the victim does not matter.
    WITHOUT_VICTIM = {name: value for name, value in JOB.items() if not name.startswith("victim.")}
    COUNT = 30

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        images, clean = random_images(cls.COUNT, 1, 12, 12), random_images(
            cls.COUNT, 1, 12, 12, seed=1
        )
        images[4] = np.nan
        write_set(os.path.join(cls.folder, "set.h5"), {"a": images, "b": images[::-1]}, clean=clean)
        write_victim(os.path.join(cls.folder, "victim.pt"))
        cls.whole = purify(cls.folder, cls.JOB, output="whole.h5", status=3)
        cls.expected = contents(cls.whole)
        cls.job = os.path.join(cls.folder, "job.ini")
        with open(cls.job, "w") as file:
            file.write(job_text({**BASE, **cls.JOB}))
        cls.result = os.path.join(cls.folder, "result.h5")

    def setUp(self):
        for name in os.listdir(self.folder):
            if name.startswith("result.h5"):
                os.unlink(os.path.join(self.folder, name))

    def resume(self, *options, ranks=0, status=3, **others):
        finished = launch("run", self.job, "--resume", *options, ranks=ranks, **others)
        self.assertEqual(finished.status, status, finished)
        return finished

    def held(self, at, *options, file="result.h5"):
        """A run that has stopped itself (SIGSTOP) before its at-th call that changes this file."""
        process = subprocess.Popen(
            [PROGRAM, "run", self.job, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **ENVIRONMENT,
                "LD_PRELOAD": FAULTS,
                "FAULT": "stop",
                "FAULT_AT": str(at),
                "FAULT_FILE": file,
            },
        )
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        return process

    def check_undamaged(self):
        """Whatever is marked as done is right.  A result that is not complete is status 1."""
        checked = launch("check", self.result)
        self.assertEqual(checked.status, int("NOT COMPLETE" in checked.out), checked)
        self.assertIn("checksums are right", checked.out)
        return checked

    def check_whole(self):
        self.assert_same(self.expected, contents(self.result))
        checked = launch("check", self.result)
        self.assertEqual((checked.status, checked.err), (0, ""), checked)
        self.assertIn("complete, 360 images", checked.out)
        self.assertEqual([name for name in os.listdir(self.folder) if "creating" in name], [])
