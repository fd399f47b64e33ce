"""Hostile jobs and victims are refused in one line, and hostile surroundings do no harm."""

import os
import signal
import subprocess
import sys
import time
import unittest

from hostile import Hostile
from inputs import write_victim
from results import contents
from support import (
    BASE,
    ENVIRONMENT,
    HUNG,
    PATIENCE,
    PROGRAM,
    job_text,
    launch,
    need_victim,
    purify,
    run_job,
)


class Jobs(Hostile):
    def test_bad_encodings_and_lengths_are_refused(self):
        good = job_text(BASE)
        for name, data, text in (
            (
                "control",
                good + "; \x1b[2J\n",
                r"control.ini:\d+: a control character, or not UTF-8",
            ),
            (
                "latin",
                good.encode() + b"; caf\xe9\n",
                r"latin.ini:\d+: a control character, or not UTF-8",
            ),
            ("long", good + ";" + "x" * 70000, r"long.ini:\d+: a line of more than 65536 bytes"),
            ("large", good + "; x\n" * 300000, "large.ini: more than a mebibyte is no job file"),
        ):
            path = os.path.join(self.folder, f"{name}.ini")
            with open(path, "wb") as file:
                file.write(data if isinstance(data, bytes) else data.encode())
            self.assert_one_line(launch("run", path), 2, text)
        windows = os.path.join(self.folder, "windows.ini")
        with open(windows, "w", newline="\r\n") as file:
            file.write(good)
        self.assertEqual(launch("run", windows).status, 0)

    def test_a_job_longer_than_a_result_can_keep_is_refused(self):
        path = os.path.join(self.folder, "long.ini")
        with open(path, "w") as file:
            values = ", ".join(f"0.{i}" + "0" * 1200 for i in range(10, 40))
            file.write(
                job_text(BASE) + f"\n[sweep]\nsolver.gamma = {values}\nsolver.tau = {values}\n"
            )
        self.assert_one_line(
            launch("run", path),
            2,
            r"long.ini: with its defaults the job has \d+ bytes; a result has room for 65000",
        )

    def test_a_command_line_of_any_length_is_kept(self):
        finished = run_job(self.folder, {}, *["--set=solver.gamma=1." + "0" * 1000] * 80)
        self.assertEqual(finished.status, 0, finished)

    def test_a_folder_without_a_path_is_refused(self):
        """Relative paths would become absolute ones."""
        code = (
            "import os, sys\nos.chdir(sys.argv[1])\n"
            "for i in range(20):\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)\n"
            "open('job.ini', 'w').write(sys.argv[2])\n"
            "os.execv(sys.argv[3], ['barydef', 'run', 'job.ini'])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, self.folder, job_text(BASE), PROGRAM],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 1, done)  # Open MPI complains as well
        self.assertRegex(
            done.stderr,
            "(?m)^barydef: job.ini: the working directory, "
            "which its paths would be relative to, has no path: ",
        )

    def test_closed_standard_files_do_no_harm(self):
        """No file of the run takes the place of a closed one, where what is printed would go."""
        expected = contents(purify(self.folder, {}))
        for closed in "0<&- 1>&- 2>&-", "2>&-", "0<&- 2>&-":
            command = (
                f"exec '{PROGRAM}' run '{self.folder}/job.ini' "
                f"--overwrite --set=run.progress=1e-9 {closed}"
            )
            done = subprocess.run(
                ["sh", "-c", command],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=60,
            )
            self.assertEqual(
                done.returncode, "1>&-" in closed, done
            )  # what it should print did not arrive
            self.assert_same(expected, contents(os.path.join(self.folder, "result.h5")))
            self.assertEqual(launch("check", os.path.join(self.folder, "result.h5")).status, 0)

    def test_devices_are_no_job_files(self):
        finished = launch("run", "/dev/zero")
        self.assertEqual(finished.status, 2, finished)


class Victims(Hostile):
    def test_a_victim_that_hangs_is_given_up(self):
        need_victim()
        write_victim(
            os.path.join(self.folder, "victim.pt"),
            "while bool(x.sum() > -1):\n    x = x * 1.0\nreturn x.flatten(1)",
        )
        for ranks in 0, 2:
            finished = self.run_it(
                {"victim.file": "victim.pt", "run.victim_seconds": 1.5}, ranks=ranks
            )
            self.assertEqual(finished.status, 1, finished)
            lines = [line for line in finished.err_lines if line.startswith("barydef: ")]
            self.assertEqual(len(lines), 1, finished)
            self.assertRegex(lines[0], r"victim.pt: no answer within 1.5 s \(run.victim_seconds\)$")

    def test_a_victim_that_was_suspended_has_its_time_still(self):
        """Batch systems suspend jobs.  A suspended victim has had no time."""
        need_victim()
        write_victim(
            os.path.join(self.folder, "victim.pt"),
            "if bool(x.sum() == 0):  # when it is tried\n"
            "    for i in range(300000):\n        x = x * 1.0\nreturn x.flatten(1)",
        )
        with open(os.path.join(self.folder, "job.ini"), "w") as file:
            file.write(
                job_text({**BASE, "victim.file": "victim.pt", "run.victim_seconds": 8 * PATIENCE})
            )
        running = subprocess.Popen(
            [PROGRAM, "run", os.path.join(self.folder, "job.ini")],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(1.2)
        running.send_signal(signal.SIGSTOP)
        time.sleep(8.5 * PATIENCE)
        running.send_signal(signal.SIGCONT)
        err = running.communicate(timeout=HUNG)[1]
        self.assertEqual(running.returncode, 0, err)

    def test_the_shortest_time_is_kept(self):
        need_victim()
        write_victim(
            os.path.join(self.folder, "victim.pt"),
            "while bool(x.sum() > -1):\n    x = x * 1.0\nreturn x.flatten(1)",
        )
        finished = self.run_it({"victim.file": "victim.pt", "run.victim_seconds": "1e-9"})
        self.assertEqual(finished.status, 1, finished)
        self.assertIn("victim.pt: no answer within 1e-09 s", finished.err)

    def test_a_victim_that_is_no_file_is_refused(self):
        """A pipe that nobody writes to would make the program wait for ever."""
        need_victim()
        os.mkfifo(os.path.join(self.folder, "pipe.pt"))
        finished = self.run_it({"victim.file": "pipe.pt"})
        self.assertEqual(finished.status, 2, finished)
        self.assertIn("pipe.pt: not a file", finished.err)

    def test_a_victim_that_hangs_later_is_given_up(self):
        """It hangs on images of 8 bits, which is a view and not what it is tried on."""
        need_victim()
        write_victim(
            os.path.join(self.folder, "victim.pt"),
            "while bool((x * 255 - (x * 255).round()).abs().max() < 1e-3):\n    x = x * 1.0\n"
            "return x.flatten(1)",
        )
        finished = self.run_it({"victim.file": "victim.pt", "run.victim_seconds": 1.5})
        self.assertEqual(finished.status, 1, finished)
        self.assertIn("no answer within 1.5 s", finished.err)
        self.assertIn("NOT COMPLETE", launch("check", os.path.join(self.folder, "result.h5")).out)

    def test_a_victim_is_said_to_be_a_program(self):
        """A dry run says so too, since it tries the victim."""
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        for options in ("--dry-run",), ():
            finished = run_job(
                self.folder, {"victim.file": "victim.pt", "output.file": "said.h5"}, *options
            )
            self.assertRegex(
                finished.out,
                r"(?m)^victim: \S*victim.pt, a program that ran with your rights "
                r"\(libtorch [\d.]+\)$",
            )
        self.assertIn("a program: use only what you trust", launch("params").out.replace("\n", " "))


if __name__ == "__main__":
    unittest.main()
