"""A file system that knows no locks is good enough, and one line says what it cannot do."""

import errno
import os
import shutil
import subprocess
import unittest

from inputs import random_images, write_set
from results import contents
from support import ENVIRONMENT, FAULTS, PROGRAM, RunTest, launch, purify, run_job

# What file systems say: Lustre; FUSE and SMB; NFS without lockd; kernels without these locks; NFS
# whose server has no lock manager; Cray DVS.
ERRNOS = {
    "ENOSYS": errno.ENOSYS,
    "EOPNOTSUPP": errno.EOPNOTSUPP,
    "ENOLCK": errno.ENOLCK,
    "EINVAL": errno.EINVAL,
    "EPFNOSUPPORT": errno.EPFNOSUPPORT,
    "ENOTSUPP": 524,
}
assert errno.ENOTSUP == errno.EOPNOTSUPP
LINE = "its file system has no locks ({}), so two runs that write it are not kept apart"


def without_locks(number, call=None, file=".h5"):
    """An environment in which locking a file fails, by fcntl, by flock or by both."""
    found = {"LD_PRELOAD": FAULTS, "FAULT_FILE": file, "FAULT_LOCK": str(number)}
    return {**found, "FAULT_LOCK_CALL": call} if call else found


class Locks(RunTest):
    JOB = {"run.block": 4, "solver.iterations": "3, 20", "sweep.solver.gamma": "0.05, 0.5"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        images = random_images(12, 1, 12, 12)
        write_set(os.path.join(cls.folder, "set.h5"), {"a": images, "b": images[::-1]})
        cls.whole = purify(cls.folder, cls.JOB, output="whole.h5")
        cls.expected = contents(cls.whole)
        cls.job = os.path.join(cls.folder, "job.ini")
        cls.result = os.path.join(cls.folder, "result.h5")
        cls.parts = [
            purify(cls.folder, cls.JOB, f"--part={i}/2", output=f"part-{i}.h5") for i in (1, 2)
        ]

    def setUp(self):
        for name in os.listdir(self.folder):
            if name.startswith("result"):
                os.unlink(os.path.join(self.folder, name))

    def check_run(self, lines, *options, ranks=0, **environment):
        """A run is whole, leaves nothing beside it, and says these lines and no others."""
        finished = run_job(self.folder, self.JOB, *options, ranks=ranks, **environment)
        self.assertEqual((finished.status, "victim" in finished.err), (0, True), finished)
        said = [line for line in finished.err_lines if "victim" not in line]
        self.assertEqual(said, [f"barydef: {self.result}: {line}" for line in lines], finished)
        self.assert_same(self.expected, contents(self.result))
        self.assertEqual([name for name in os.listdir(self.folder) if "creating" in name], [])

    def test_a_run_goes_on_with_one_line(self):
        for name, number in ERRNOS.items():
            line = LINE.format(name)
            self.setUp()
            self.check_run([line], **without_locks(number))
            self.check_run([line], "--overwrite", **without_locks(number, "fcntl"))
            self.check_run([], "--overwrite", **without_locks(number, "flock"))
        for writers in "root", "all":
            options = "--overwrite", f"--set=run.writers={writers}"
            self.check_run([line], *options, ranks=2, **without_locks(number))

    def test_a_resume_goes_on_with_one_line(self):
        """--quiet hides that it resumes, though not that there are no locks."""
        stopped = os.path.join(self.folder, "stopped.h5")
        run_job(self.folder, self.JOB, "--set=run.max_minutes=1e-6")
        os.rename(self.result, stopped)
        for name, number in ERRNOS.items():
            shutil.copy(stopped, self.result)
            line = f"barydef: {self.result}: {LINE.format(name)}"
            options, ranks = ("--resume", "--quiet"), 0
            if name == "ENOLCK":
                options, ranks = ("--resume", "--set=run.writers=all"), 2
            finished = run_job(
                self.folder, self.JOB, *options, ranks=ranks, **without_locks(number)
            )
            self.assertEqual((finished.status, finished.err_lines.count(line)), (0, 1), finished)
            if "--quiet" in options:
                self.assertEqual((finished.out, finished.err), ("", line + "\n"))
            self.assert_same(self.expected, contents(self.result))
        # Now there is nothing to write, and so nothing to say.
        finished = run_job(self.folder, self.JOB, "--resume", **without_locks(number))
        self.assertEqual((finished.status, "no locks" in finished.err), (0, False), finished)

    def test_a_lock_that_fails_otherwise_ends_the_run(self):
        for number, text in (errno.EIO, "Input/output error"), (errno.EBADF, "Bad file descriptor"):
            self.setUp()
            finished = run_job(self.folder, self.JOB, **without_locks(number, "fcntl"))
            self.assertEqual(finished.status, 1, finished)
            self.assertIn(f"result.h5: cannot be locked: {text}", finished.err)

    def test_two_runs_are_kept_apart_without_flock(self):
        """The program's own lock is of fcntl. HDF5's flock may fail."""
        for number in errno.ENOSYS, 524:
            self.setUp()
            environment = without_locks(number, "flock", "result.h5")
            self.check_run([])
            first = subprocess.Popen(
                [PROGRAM, "run", self.job, "--overwrite"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**ENVIRONMENT, **environment, "FAULT": "stop", "FAULT_AT": "1"},
            )
            os.waitid(os.P_PID, first.pid, os.WSTOPPED)
            (beside,) = (name for name in os.listdir(self.folder) if "creating" in name)
            finished = run_job(self.folder, self.JOB, "--overwrite", **environment)
            self.assertEqual(finished.status, 1, finished)
            self.assertIn("result.h5: another run is writing it", finished.err)
            # What the first is creating is no leftover, and becomes one when it dies.
            os.unlink(self.result)
            finished = run_job(self.folder, self.JOB, "--set=input.attacks=a", **environment)
            self.assertEqual(finished.status, 0, finished)
            self.assertIn(beside, os.listdir(self.folder))
            first.kill()
            first.wait()
            self.check_run([], "--overwrite", **environment)

    def test_other_commands_need_no_locks(self):
        made = os.path.join(self.folder, "result.npz")
        for name, number in ERRNOS.items():
            self.setUp()
            for command in "check", "inspect":
                finished = launch(command, self.whole, **without_locks(number))
                self.assertEqual((finished.status, finished.err), (0, ""), finished)
            for options, said in ((), ""), (
                ("--overwrite",),
                f"barydef: {self.result}: {LINE.format(name)}\n",
            ):
                finished = launch(
                    "merge", self.result, *self.parts, *options, **without_locks(number)
                )
                self.assertEqual((finished.status, finished.err), (0, said), finished)
                self.assert_same(self.expected, contents(self.result))
        for name, number in ERRNOS.items():
            environment = without_locks(number, file=self.folder)
            for arguments in (
                ("convert", self.result, made, "--run=1", "--overwrite"),
                ("convert", made, os.path.join(self.folder, f"result-{name}.h5"), "--norm=linf"),
            ):
                finished = launch(*arguments, **environment)
                self.assertEqual((finished.status, finished.err), (0, ""), finished)
        # Python opens a file the same way for every command, and these draw: two of the errnos do.
        for name in "ENOLCK", "ENOTSUPP":
            environment = without_locks(ERRNOS[name], file=self.folder)
            pages = os.path.join(self.folder, f"pages-{name}")
            finished = launch("report", self.result, pages, **environment)
            self.assertEqual((finished.status, finished.err), (0, ""), finished)


if __name__ == "__main__":
    unittest.main()
