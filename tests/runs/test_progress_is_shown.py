"""Progress is shown as lines in a log and as a bar on a terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import unittest

from command_line import CommandLine
from results import read
from support import (
    BASE,
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    MPIRUN,
    PROGRAM,
    job_text,
    kill,
    need_victim,
    run_job,
)


class Progress(CommandLine):
    LINE = (
        r"barydef: (\d+)/(\d+) images \((\d+) %\), (\d+) images/s, (?:\d+:\d\d|\?) left"
        r"(?:; ((?:purifying|making) [\w-]+)(?:, (\d+) % right)? \((\d+)/(\d+)\))?"
    )

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
            # Three attacks of six images.
            self.assertEqual(
                {line[5] for line in lines} - {None},
                {f"purifying {name}" for name in ("slow", "fast", "clean")},
            )
            self.assertEqual({line[8] for line in lines} - {None}, {"6"})

    def test_progress_names_the_attack_that_is_made_and_its_accuracy(self):
        need_victim()
        job = {
            "input.file": DEMO_SET,
            "input.attacks": "fgsm",
            "input.limit": 24,
            "victim.file": DEMO_VICTIM,
            "victim.batch": 8,
            "output.file": "made.h5",
            "run.progress": 1e-6,
            "run.block": 8,
            "solver.iterations": 20,
            "attack strong.epsilon": 0.4,
        }
        finished = run_job(self.folder, job, "--overwrite")
        self.assertEqual(finished.status, 0, finished)
        lines = [re.fullmatch(self.LINE, line) for line in finished.err_lines]
        self.assertNotIn(None, lines, finished)
        self.assertIn("making strong", {line[5] for line in lines})
        rows = {row["attack"].decode(): row for row in read(self.path_of(job), "statistics")}
        for name, shown in (
            ("strong", [line for line in lines if line[5] == "making strong" and line[7] == "24"]),
            ("fgsm", [line for line in lines if line[5] == "purifying fgsm" and line[7] == "24"]),
        ):
            for line in shown:
                self.assertEqual(int(line[6]), round(100 * rows[name]["barycenter_accuracy"]), name)

    def path_of(self, job):
        return os.path.join(self.folder, job["output.file"])

    def test_progress_is_silent_before_its_time_or_when_off(self):
        for interval in 0, 30:
            finished = run_job(
                self.folder,
                {"output.file": "log.h5", "run.progress": interval, "run.block": 1},
                "--overwrite",
            )
            self.assertNotIn("images/s", finished.err, finished)
            self.assertEqual(finished.status, 0)

    def run_on_terminal(self, *command, columns=0, env=None):
        """Exit status of a command and what it sent to a terminal as its stderr."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**ENVIRONMENT, **(env or {})},
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
                r"\r\[([#.]{8,30})\] +(\d+) % +(\d+)/18 images +\d+ images/s +\d+:\d\d left"
                r"  purifying (?:slow|fast|clean)\b",
                shown,
            )
            self.assertGreaterEqual(len(bars), 2, shown)
            self.assertEqual(bars[-1], ("#" * len(bars[-1][0]), "100", "18"), shown)
            self.assertLess(max(map(len, shown.split("\r"))), 80, shown)
            self.assertLess(int(bars[0][1]), 100, shown)

    def test_progress_fits_the_terminal(self):
        job = {"output.file": "width.h5", "run.block": 2, "solver.iterations": 2000}
        with open(os.path.join(self.folder, "width.ini"), "w") as file:
            file.write(job_text({**BASE, **job}))
        for columns, env, launcher in (
            (40, {}, []),
            (60, {}, []),
            (120, {}, [MPIRUN, "-n", "2"]),
            (120, {"COLUMNS": "50"}, []),
            (20, {}, []),
        ):
            status, shown = self.run_on_terminal(
                *launcher, PROGRAM, "run", "width.ini", "--overwrite", columns=columns, env=env
            )
            width = int(env.get("COLUMNS", columns))
            self.assertEqual(status, 0, shown)
            lines = [
                line.rstrip("\n")
                for line in shown.split("barydef:")[0].split("\r")
                if "images" in line
            ]
            self.assertTrue(lines, shown)
            self.assertLess(max(map(len, lines)), width, shown)
            self.assertEqual(shown.split("barydef:")[0].count("\n"), 1, shown)
            self.assertEqual(any("#" in line for line in lines), width >= 60, lines)
            self.assertEqual(any("purifying" in line for line in lines), width >= 100, lines)


if __name__ == "__main__":
    unittest.main()
