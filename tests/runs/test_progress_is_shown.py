"""Progress is shown as lines in a log and as a bar on a terminal."""

import os
import pty
import re
import subprocess
import threading
import unittest

from command_line import CommandLine
from support import BASE, ENVIRONMENT, MPIRUN, PROGRAM, job_text, kill, run_job


class Progress(CommandLine):
    LINE = r"barydef: (\d+)/(\d+) images \((\d+) %\), (\d+) images/s, (?:\d+:\d\d|\?) left"

    def test_progress_is_lines_in_a_log(self):
        for ranks in 0, 2:
            job = {
                "output.file": "log.h5",
                "run.progress": 1e-6,
                "run.block": 2,
                "solver.iterations": 300,
            }
            finished = run_job(self.folder, job, "--overwrite", ranks=ranks)
            self.assertEqual(finished.status, 0, finished)
            lines = [
                re.fullmatch(self.LINE, line) for line in finished.err_lines if "victim" not in line
            ]
            self.assertNotIn(None, lines, finished)
            done = [int(line[1]) for line in lines]
            self.assertEqual(done, sorted(done))
            self.assertTrue(
                len(done) >= 5
                and 0 <= done[0] < 18
                and len(set(done)) >= 5
                and {line[2] for line in lines} == {"18"},
                finished,
            )
            self.assertNotIn("\r", finished.err)

    def test_progress_is_silent_before_its_time_or_when_off(self):
        for interval in 0, 30:
            finished = run_job(
                self.folder,
                {"output.file": "log.h5", "run.progress": interval, "run.block": 1},
                "--overwrite",
            )
            self.assertNotIn("images/s", finished.err, finished)
            self.assertEqual(finished.status, 0)

    def run_on_terminal(self, *command):
        """Exit status of a command and what it sent to a terminal as its stderr."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        shown = []

        def collect():
            try:
                while True:
                    shown.append(os.read(master, 4096))
            except OSError:  # nobody has the terminal open any more
                os.close(master)

        reader = threading.Thread(target=collect)
        reader.start()
        try:
            process.wait(timeout=60)
        finally:
            kill(process)
            reader.join()
        return process.returncode, b"".join(shown).decode()

    def test_progress_is_a_bar_on_a_terminal(self):
        job = {
            "output.file": "bar.h5",
            "run.progress": 0,
            "run.block": 1,
            "solver.iterations": 5000,
        }
        with open(os.path.join(self.folder, "bar.ini"), "w") as file:
            file.write(job_text({**BASE, **job}))
        for launcher in [], [MPIRUN, "-n", "2"]:
            status, shown = self.run_on_terminal(
                *launcher, PROGRAM, "run", "bar.ini", "--overwrite"
            )
            self.assertEqual(status, 0, shown)
            bars = re.findall(
                r"\r\[([#.]{30})\] +(\d+) % +(\d+)/18 images +\d+ images/s +\d+:\d\d left", shown
            )
            self.assertGreaterEqual(len(bars), 2, shown)
            self.assertEqual(bars[-1], ("#" * 30, "100", "18"), shown)
            self.assertLess(int(bars[0][1]), 100, shown)


if __name__ == "__main__":
    unittest.main()
