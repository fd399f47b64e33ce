"""A run starts no daemon, touches no file but its output and shares no folder with another."""

import contextlib
import os
import subprocess
import unittest

from command_line import CommandLine
from support import BASE, ENVIRONMENT, PROGRAM, job_text, kill, purify


class Bystanders(CommandLine):
    def test_alone_it_starts_no_daemon(self):
        """Without a launcher, its only other processes are the children that read files."""
        command = [PROGRAM, "run", os.path.join(self.folder, "job.ini"), "--overwrite"]
        with open(command[2], "w") as file:
            file.write(job_text({**BASE, "output.file": "alone.h5", "solver.iterations": 1000000}))
        process = subprocess.Popen(
            command,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.addCleanup(kill, process)
        seen = set()
        while process.poll() is None and not os.path.exists(os.path.join(self.folder, "alone.h5")):
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                for child in file.read().split():
                    with contextlib.suppress(OSError), open(f"/proc/{child}/comm") as name:
                        seen.add(name.read().strip())
        self.assertIsNone(process.poll())
        self.assertLessEqual(seen, {"barydef"})

    def test_no_file_but_the_output_is_touched(self):
        bystanders = [
            os.path.join(self.folder, name)
            for name in ("touch.h5.creating", "touch.h5.tmp", "touch.h5~")
        ]
        for path in bystanders:
            with open(path, "w") as file:
                file.write("precious")
        before = sorted(os.listdir(self.folder))
        purify(self.folder, {}, "--overwrite", output="touch.h5")
        self.assertEqual(
            sorted(os.listdir(self.folder)), sorted(set(before) | {"touch.h5", "job.ini"})
        )
        for path in bystanders:
            with open(path) as file:
                self.assertEqual(file.read(), "precious")

    def test_programs_that_run_alone_share_no_folder(self):
        """Open MPI would use /tmp/ompi.HOST.USER/jf.0 for each, and fail now and then because
        another program removes that folder."""
        self.succeed("run", "job.ini", "--overwrite", folder=self.folder, TMPDIR="/proc")


if __name__ == "__main__":
    unittest.main()
