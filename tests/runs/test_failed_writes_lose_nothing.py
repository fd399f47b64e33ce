"""A run whose writes fail loses nothing, and --resume gives the bits of an uninterrupted run."""

import errno
import os
import shutil
import signal
import subprocess
import unittest

import h5py
import numpy as np

from interrupted import Interrupted
from inputs import random_images, write_set
from results import contents
from support import FAULTS, LONG, SLOW, launch, purify, run_job, small_file_system


class Faults(Interrupted):
    """A run that fails, or is killed, at a call that changes the result."""

    JOB = Interrupted.WITHOUT_VICTIM

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stopped = os.path.join(cls.folder, "stopped.h5")
        launch("run", cls.job, f"--set=output.file={cls.stopped}", "--set=run.max_minutes=1e-6")

    def at_each_call(self, fault, step, check, first=1, harmless_most=0, **others):
        """Run with this fault at every step-th call that changes the result, then resume."""
        if LONG:
            step = 1
        else:
            step = min(4 * step, 61) if SLOW and step < 61 else step
            print(f"REDUCED: {fault} at every {step}th call; --long takes each", flush=True)
        calls = harmless = 0
        for at in [*range(1, first), *range(first, 10000, step)]:
            self.setUp()
            finished = launch(
                "run",
                self.job,
                LD_PRELOAD=FAULTS,
                FAULT=fault,
                FAULT_AT=str(at),
                FAULT_FILE="result.h5",
                **others,
            )
            if finished.status == 3:
                # There is no such call any more.  Or the run can do without it, since it reserves
                # room, or since HDF5 repeats it.
                self.check_whole()
                harmless += 1
                if harmless > harmless_most:
                    break
                continue
            calls, harmless = calls + 1, 0
            check(finished)
            if os.path.exists(self.result):
                self.check_undamaged()
            self.resume()
            self.check_whole()
        self.assertGreater(calls, 5)
        return calls

    def test_a_kill_at_any_write_loses_nothing(self):
        calls = self.at_each_call(
            "kill",
            11,
            lambda finished: self.assertEqual(finished.status, -signal.SIGKILL, finished),
        )
        print(f"killed before {calls} different writes: files lost 0, differing results 0")

    def test_writes_that_fail_from_one_on_lose_nothing(self):
        for fault, text, step in ("ENOSPC", "No space left on device", 29), (
            "EDQUOT",
            "Disk quota exceeded",
            61,
        ):

            def check(finished):
                self.assertEqual(finished.status, 1, finished)
                self.assertEqual(len(finished.err_lines), 1, finished)
                self.assertRegex(
                    finished.err, r"^barydef: \S*result.h5: (cannot be (written|created)|no room)"
                )
                self.assertIn(text, finished.err)

            self.at_each_call(fault, step, check)

    def test_a_write_that_fails_once_ends_the_run(self):
        """The system reports a failed write once.  After it nothing may be marked, and no run may
        go on without labels."""

        def check(finished):
            self.assertEqual(finished.status, 1, finished)
            self.assertIn("Input/output error", finished.err)

        self.at_each_call(
            "EIO", 31, check, first=8, harmless_most=40 if LONG else 9, FAULT_ONCE="1"
        )

    def test_a_write_that_fails_at_the_end_ends_the_run(self):
        """Each write fails of a resume that has only the statistics to write."""
        failed = whole = 0
        for at in range(1, 60):
            shutil.copy(self.whole, self.result)
            with h5py.File(self.result, "r+") as file:
                file["statistics"][...] = np.zeros_like(file["statistics"])
                file.attrs.modify("complete", np.int64(0))
            finished = launch(
                "run",
                self.job,
                "--resume",
                LD_PRELOAD=FAULTS,
                FAULT="EIO",
                FAULT_AT=str(at),
                FAULT_FILE="result.h5",
                FAULT_ONCE="1",
            )
            self.assertIn(finished.status, (1, 3), finished)
            failed, whole = (
                failed + (finished.status == 1),
                whole + 1 if finished.status == 3 else 0,
            )
            if finished.status == 3:
                self.check_whole()
            if whole == 3:
                break
        self.assertGreater(failed, 5)

    def test_a_late_creator_replaces_no_result(self):
        """A run that was held up while it created its result, as a rank of a killed mpirun may be,
        does not replace the result of the next run."""
        for option, first in ("--resume", None), ("--overwrite", self.whole):
            for at in 3, 9:
                self.setUp()
                if first:
                    shutil.copy(first, self.result)
                late = self.held(at, option, file="creating")
                finished = launch("run", self.job, option)
                if first:  # whose lock it holds
                    self.assertEqual(finished.status, 1, finished)
                    self.assertIn("result.h5: another run is writing it", finished.err)
                    os.unlink(self.result)
                    finished = launch("run", self.job, option)
                self.assertEqual(finished.status, 3, finished)
                late.send_signal(signal.SIGCONT)
                out, err = late.communicate(timeout=60)
                self.assertEqual((late.returncode, len(err.splitlines())), (1, 1), err)
                self.assertIn("result.h5: another run has created it meanwhile", err)
                self.check_whole()

    def test_a_lock_is_waited_for_and_its_failure_reported(self):
        """A run waits about five seconds for another that holds the lock.  Other failures are
        reported, except that a file system may know no locks."""
        for option, number, times, status, text in (
            ("--resume", errno.EAGAIN, 20, 3, "images failed"),
            ("--overwrite", errno.EAGAIN, 20, 3, "images failed"),
            ("--resume", errno.EAGAIN, 60, 1, "result.h5: another run is writing it"),
            ("--resume", errno.ENOSYS, 1, 3, "images failed"),
            ("--resume", errno.ENOLCK, 1, 3, "result.h5: its file system has no locks (ENOLCK)"),
            ("--resume", errno.EIO, 1, 1, "result.h5: cannot be locked: Input/output error"),
        ):
            self.setUp()
            shutil.copy(self.stopped, self.result)
            finished = launch(
                "run",
                self.job,
                option,
                LD_PRELOAD=FAULTS,
                FAULT_FILE="result.h5",
                FAULT_LOCK=str(number),
                FAULT_LOCK_TIMES=str(times),
            )
            self.assertEqual(finished.status, status, finished)
            self.assertIn(text, finished.err)
            if status == 3:
                self.check_whole()
        shutil.copy(self.stopped, self.result)
        finished = launch(
            "run",
            self.job,
            "--resume",
            "--set=run.wait=1",
            LD_PRELOAD=FAULTS,
            FAULT_FILE="result.h5",
            FAULT_LOCK=str(errno.EAGAIN),
            FAULT_LOCK_TIMES="20",
        )
        self.assertIn("result.h5: another run is writing it", finished.err)

    def test_a_full_file_system_is_named(self):
        folder = os.path.join(self.folder, "small")
        with small_file_system(folder, 64 << 10):
            finished = launch("run", self.job, f"--set=output.file={folder}/result.h5")
            self.assertEqual(finished.status, 1, finished)
            self.assertRegex(
                finished.err,
                r"result.h5: (no room for [\d.]+ MB: |cannot be written \()No space left on device",
            )
            self.assertEqual(os.listdir(folder), [])
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            finished = launch("run", self.job, f"--set=output.file={folder}/result.h5")
            self.assertEqual(finished.status, 1, finished)
            self.assertIn("Read-only file system", finished.err)

    def test_blocks_before_unreadable_input_are_kept(self):
        """One deflated chunk is overwritten.  The run ends with 1 and keeps the blocks before
        it."""
        images = random_images(self.COUNT, 1, 12, 12)
        folder = os.path.join(self.folder, "unreadable")
        os.makedirs(folder)
        path = write_set(
            os.path.join(folder, "set.h5"),
            {"a": images},
            compression="gzip",
            chunks=(2, 1, 12, 12),
            fletcher32=True,
        )
        with h5py.File(path, "r") as file:
            chunk = file["attacks/a/images"].id.get_chunk_info(9)
        with open(path, "r+b") as file:
            file.seek(chunk.byte_offset + 8)
            whole = file.read(8)
            file.seek(chunk.byte_offset + 8)
            file.write(bytes(8))
        for ranks in 0, 3:
            finished = run_job(
                folder, {"run.block": 2}, *(["--resume"] if ranks else []), ranks=ranks
            )
            self.assertEqual(finished.status, 1, finished)
            self.assertRegex(finished.err, r"set.h5: images 18 to 19 of a cannot be read")
        with open(path, "r+b") as file:
            file.seek(chunk.byte_offset + 8)
            file.write(whole)
        finished = run_job(folder, {"run.block": 2}, "--resume", ranks=2)
        self.assertEqual(finished.status, 0, finished)
        self.assertRegex(finished.err, r"resuming: (1[2-9]|2\d) of 30 images are done")
        fresh = purify(folder, {}, output="fresh.h5")
        self.assert_same(contents(fresh), contents(os.path.join(folder, "result.h5")))


if __name__ == "__main__":
    unittest.main()
