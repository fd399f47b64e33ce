"""Children that read files for the program are ended when they hang, and no file is blamed for a
signal."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import numpy as np

from hostile import IMAGES, Hostile, preloaded
from inputs import write_set
from support import BASE, ENVIRONMENT, PATIENCE, PROGRAM, job_text


class Signals(Hostile):
    def is_read_by_a_child_of(self, parent):
        """Whether a child of it has the set open.  Open MPI starts another child before that."""
        for child in subprocess.run(
            ["pgrep", "-P", str(parent)], capture_output=True, text=True
        ).stdout.split():
            try:
                if any(
                    os.path.realpath(f"/proc/{child}/fd/{one}") == os.path.realpath(self.set)
                    for one in os.listdir(f"/proc/{child}/fd")
                ):
                    return True
            except OSError:  # it has ended
                pass
        return False

    def test_a_signal_while_a_child_reads_stops_the_run(self):
        """The file is not blamed.  The run stops as it would at any other moment."""
        write_set(self.set, {"a": np.full((20000, 1, 4, 4), 0.5, "f4")}, chunks=(1, 1, 4, 4))
        with open(os.path.join(self.folder, "job.ini"), "w") as file:
            file.write(job_text(BASE))
        for number in signal.SIGTERM, signal.SIGUSR1:
            process = subprocess.Popen(
                [PROGRAM, "run", os.path.join(self.folder, "job.ini"), "--resume"],
                env=ENVIRONMENT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            while not self.is_read_by_a_child_of(process.pid) and process.poll() is None:
                time.sleep(0.01)
            os.killpg(process.pid, number)
            err = process.communicate(timeout=60)[1]
            self.assertEqual(process.returncode, 75, err)
            self.assertRegex(err, "stopped with|stopped while")


class Waiting(Hostile):
    """A child that does nothing uses no processor time, so only the clock can end it.  setUpModule
    begins these, so that the other tests run meanwhile."""

    def test_a_stopped_or_sleeping_child_is_ended_by_the_clock(self):
        for name, process in waiting.items():
            with self.subTest(name):
                err = process.communicate(timeout=100 * PATIENCE)[1]
                self.assertEqual(process.returncode, 1, err)
                self.assertRegex(
                    err,
                    r"^barydef: \S*set.h5: the process that opened it did not answer for 5\d s\n$",
                )


waiting = {}


def setUpModule():
    folder = tempfile.mkdtemp(prefix="barydef-waiting-")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    path = write_set(os.path.join(folder, "set.h5"), {"a": IMAGES})
    for name, code in ("stops", "raise(SIGSTOP);"), ("sleeps", "for (;;) pause();"):
        library = preloaded(
            folder,
            name,
            """
            long H5Fopen(const char *path, unsigned flags, long access) {
              if (in_child()) { %s }
              return ((long (*)(const char *, unsigned, long))dlsym(RTLD_NEXT, "H5Fopen"))(
                  path, flags, access);
            }
            """
            % code,
        )
        waiting[name] = subprocess.Popen(
            [PROGRAM, "inspect", path],
            env={**ENVIRONMENT, "LD_PRELOAD": library},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        unittest.addModuleCleanup(waiting[name].stderr.close)
        unittest.addModuleCleanup(waiting[name].kill)


if __name__ == "__main__":
    unittest.main()
