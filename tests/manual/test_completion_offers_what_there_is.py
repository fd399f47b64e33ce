"""bash completes commands, options, parameters, values and files, as readline shows them."""

import os
import pathlib
import pty
import re
import select
import shlex
import signal
import subprocess
import time
import unittest

from support import ENVIRONMENT, PROGRAM, RunTest, launch, parameters

SHARE = pathlib.Path(os.environ.get("BARYDEF_SHARE") or pathlib.Path(PROGRAM).parent / "share")
SCRIPT = SHARE / "bash-completion" / "completions" / "barydef"
FILES = "job.ini", "other.ini", "result.h5", "set.h5", "victim.pt", "a b.ini", "labels.npy"
BREAKS = "\"'><=;|&(:"


def split(line):
    """The words of a line as bash gives them to a completion: each "=" ends one."""
    words = []
    for word in line.split(" "):
        words += [part for part in re.split("(=)", word) if part] or [""]
    return words


class Completion(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in FILES:
            pathlib.Path(cls.folder, name).touch()
        os.mkdir(os.path.join(cls.folder, "folder"))

    def offered(self, line, breaks=BREAKS):
        """What is offered at the end of a line."""
        words = split(line) if "=" in breaks else line.split(" ")
        commands = f"""
            source {shlex.quote(str(SCRIPT))}
            COMP_WORDBREAKS={shlex.quote(breaks)}
            COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}
            _barydef || exit
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(
            ["bash", "--norc", "-c", commands],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return [line for line in done.stdout.split("\n") if line]

    def check(self, line, wanted, **others):
        with self.subTest(line, **others):
            self.assertEqual(sorted(self.offered(line, **others)), sorted(wanted))

    def test_every_command_is_offered(self):
        names = re.findall(r"^  barydef ([a-z]+) ", launch("-h").out, re.M)
        self.assertGreaterEqual(len(names), 9)
        self.check("barydef ", names)
        self.check("barydef in", ["inspect"])
        self.check("barydef help me", ["merge"])
        self.check("barydef --", ["--help", "--version"])
        self.check("barydef nonsense ", [])

    def test_every_option_of_a_command_is_offered(self):
        for name in re.findall(r"^  barydef ([a-z]+) ", launch("-h").out, re.M):
            listed = re.split("(?i)exit status:", launch(name, "-h").out)[0]
            listed = re.findall(r"^ {1,7}(?:-\w, )?(--[a-z-]+)", listed, re.M)
            self.check(f"barydef {name} -", listed)
        self.check("barydef run job.ini --re", ["--resume"])
        self.check("barydef run --set solver.gamma=1 --dr", ["--dry-run"])

    def test_every_parameter_is_offered(self):
        known = [name for name in parameters() if not name.startswith("attack ")]
        self.check("barydef run job.ini --set ", [f"{name}=" for name in known] + ["sweep."])
        self.check("barydef run job.ini --set solver.ga", ["solver.gamma="])
        self.check("barydef run job.ini --set=solver.ga", ["solver.gamma="])
        self.check("barydef run job.ini --set=solver.ga", ["--set=solver.gamma="], breaks=" ")
        swept = [n for n in known if n.startswith(("solver.", "marginals."))]
        offered = self.offered("barydef run job.ini --set sweep.")
        self.assertLess({f"sweep.{name}=" for name in swept}, set(offered))
        self.assertNotIn("sweep.run.block=", offered)

    def test_named_values_are_offered(self):
        """Every parameter that has named values offers them all, and no other offers any."""
        for name, (_, allowed) in parameters().items():
            if name.startswith("attack "):
                continue  # a section with a name of the user's own
            words = re.findall(r"(?:^|: )([\w]+(?:\|[\w]+)+)$", allowed)
            words = words[0].split("|") if words else re.findall(r"^full|\bB[46]\b", allowed)
            if "a path" not in allowed:
                self.check(f"barydef run job.ini --set {name}=", words)
        self.check("barydef run --set solver.kernel=d", ["direct"])
        self.check("barydef run --set=solver.kernel=d", ["direct"])
        self.check("barydef run --set solver.kernel=d", ["solver.kernel=direct"], breaks=" ")
        self.check("barydef run --set sweep.solver.cost=l1,s", ["l1,sql2"])
        self.check("barydef run --set baseline.views=rounded,j", ["rounded,jpeg"])
        self.check("barydef attack data victim.pt --preset cifar10", ["cifar10", "cifar100"])

    def test_files_of_the_right_kind_are_offered(self):
        folder, sets = ["folder"], ["result.h5", "set.h5"]
        jobs = ["a b.ini", "job.ini", "other.ini"]
        self.check("barydef run ", folder + jobs)
        self.check("barydef run --set solver.gamma=1 --part 1/2 --quiet j", ["job.ini"])
        self.check("barydef run job.ini ", [])
        self.check("barydef run job.ini --part ", [])
        self.check("barydef inspect ", folder + sets)
        self.check("barydef merge result.h5 set.h5 r", ["result.h5"])
        self.check("barydef run job.ini --set input.file=s", ["set.h5"])
        self.check("barydef run job.ini --set victim.file=", folder + ["victim.pt"])
        self.check("barydef report --victim ", folder + ["victim.pt"])
        self.check("barydef report --victim=v", ["victim.pt"])
        self.check("barydef report result.h5 ", folder)
        self.check("barydef convert ", folder + list(FILES))
        self.check("barydef attack --batch 5 folder v", ["victim.pt"])

    def test_readline_writes_what_is_meant(self):
        """An interactive bash on a terminal, with its own idea of words."""
        typed = {
            "barydef ru\tjo\t": "barydef run job.ini ",
            "barydef run job.ini --set solver.ga\t1": "barydef run job.ini --set solver.gamma=1",
            "barydef run --set=solver.ker\tfft\t": "barydef run --set=solver.kernel=fftw ",
            'barydef run --set "solver.ker\tfft\t': "barydef run --set solver.kernel=fftw ",
            "barydef run --set input.file=se\t": "barydef run --set input.file=set.h5 ",
            "barydef run a\t": r"barydef run a\ b.ini ",
            "barydef report result.h5 fo\t": "barydef report result.h5 folder/",
        }
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**ENVIRONMENT, **QUIET})
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, process, 0)
        self.addCleanup(os.kill, process, signal.SIGKILL)
        self.answer(
            terminal, f"source {shlex.quote(str(SCRIPT))}; barydef() {{ :; }}; echo rea''dy\n"
        )
        for keys, wanted in typed.items():
            with self.subTest(keys):
                # Ctrl-A and Ctrl-E go to the ends of the line, so that it is echoed as it stands.
                shown = self.answer(terminal, f"{keys}\x01echo \x05 rea''dy\n")
                self.assertIn(f"echo {wanted} rea''dy", shown)

    def answer(self, terminal, keys):
        """What the terminal shows until "ready"."""
        os.write(terminal, keys.encode())
        shown, end = "", time.monotonic() + 30
        while not re.search(r"ready\r?\n", shown):
            self.assertLess(time.monotonic(), end, shown)
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096).decode()
        return shown


QUIET = {"PS1": "$ ", "TERM": "dumb", "INPUTRC": "/dev/null", "COLUMNS": "200", "HISTFILE": ""}


if __name__ == "__main__":
    unittest.main()
