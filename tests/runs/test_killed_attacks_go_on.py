"""Attacks that are made survive kills, signals and failing writes: --resume gives the bits of an
uninterrupted run, on any number of ranks.

test_killed_attacks_go_on.py                2 kills for each command; with BARYDEF_LONG 40
test_killed_attacks_go_on.py --kills 200    the kill campaign alone, with so many kills
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

from inputs import random_images, write_set, write_victim
from results import contents
from support import (
    attack,
    BASE,
    FAULTS,
    HUNG,
    LONG,
    MPIRUN,
    PATIENCE,
    PROGRAM,
    RunTest,
    job_text,
    launch,
    need_victim,
    ranks_of,
    scratch_environment,
)

KILLS = 40 if LONG else 2
IMAGES = 24


class KilledAttacks(RunTest):
    JOB = {
        **BASE,
        "input.attacks": "a",
        "victim.file": "victim.pt",
        "victim.batch": 4,
        "run.block": 4,
        "run.progress": 0.001,
        **attack("bare", steps=60, restarts=3, epsilon=0.02),
        **attack("far", type="growing", steps=150),
        **attack("exact", through="purified", steps=40, epsilon=0.02),
    }
    COMMANDS = {"run": "result.h5", "attack": "made.h5"}

    @classmethod
    def setUpClass(cls):
        need_victim()
        super().setUpClass()
        clean = random_images(IMAGES, 1, 12, 12, seed=1)
        write_set(
            os.path.join(cls.folder, "set.h5"), {"a": random_images(IMAGES, 1, 12, 12)}, clean=clean
        )
        write_victim(os.path.join(cls.folder, "victim.pt"))
        cls.jobs, cls.expected = {}, {}
        for command, output in cls.COMMANDS.items():
            job = {**cls.JOB, "output.file": output}
            if command == "run":
                job["sweep.solver.gamma"] = "0.05, 0.5"
            cls.jobs[command] = os.path.join(cls.folder, command + ".ini")
            with open(cls.jobs[command], "w") as file:
                file.write(job_text(job))
            finished = launch(command, cls.jobs[command], timeout=HUNG)
            if finished.status != 0:
                raise AssertionError(finished)
            cls.expected[command] = contents(cls.output(command))

    @classmethod
    def output(cls, command):
        return os.path.join(cls.folder, cls.COMMANDS[command])

    def clear(self, command):
        for name in os.listdir(self.folder):
            if name.startswith(self.COMMANDS[command]):
                os.unlink(os.path.join(self.folder, name))

    def start(self, command, *options, ranks):
        """Begins or resumes a command.  Returns the process once an image is done that was not, or
        None where it has ended before."""
        environment = scratch_environment(self.folder)
        process = subprocess.Popen(
            [*([MPIRUN, "-n", str(ranks)] if ranks else []), PROGRAM, command]
            + [self.jobs[command], *(options or ["--resume"])],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun = 0
        for line in process.stderr:
            if resuming := re.search(r"resuming: (\d+) of", line):
                begun = int(resuming.group(1))
            if (done := re.search(r"(\d+)/\d+ images", line)) and int(done.group(1)) > begun:
                return process
        self.assertEqual(process.wait(HUNG), 0, "it ended before its first block")
        process.stderr.close()
        return None

    def finish(self, command, ranks):
        finished = launch(command, self.jobs[command], "--resume", ranks=ranks, timeout=HUNG)
        self.assertEqual(finished.status, 0, finished)
        self.assert_same(self.expected[command], contents(self.output(command)))
        self.assertEqual(
            [name for name in os.listdir(self.folder) if "creating" in name or "making" in name], []
        )

    def end(self, process):
        """Waits until all ranks have ended.  An mpirun may hang after its ranks have ended."""
        try:
            process.communicate(timeout=30 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def kill_one(self, dice, process, ranks):
        time.sleep(dice.uniform(0, 0.4))
        targets = ranks_of(process) + [process.pid] if ranks else [process.pid]
        for target in targets if dice.random() < 0.2 else [dice.choice(targets)]:
            try:
                os.kill(target, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.end(process)

    def test_kills_lose_nothing(self):
        if KILLS < 40:
            print(f"REDUCED: {KILLS} kills of each command; --long takes 40", flush=True)
        dice = random.Random(21)
        for command in self.COMMANDS:
            self.clear(command)
            kills = complete = 0
            while kills < KILLS:
                ranks = dice.choice([0, 1, 2, 3])
                process = self.start(command, ranks=ranks)
                if process:
                    self.kill_one(dice, process, ranks)
                    kills += 1
                else:
                    self.finish(command, 0)
                    self.clear(command)
                    complete += 1
            self.finish(command, dice.choice([1, 2, 3]))
            print(f"{command}: {kills} kills, {complete + 1} times complete, differing results 0")

    def test_signals_stop_attacks_that_can_go_on(self):
        for command, number, ranks in (
            ("run", signal.SIGUSR1, 2),
            ("attack", signal.SIGTERM, 0),
            ("attack", signal.SIGUSR1, 3),
        ):
            with self.subTest(command=command, signal=number, ranks=ranks):
                self.clear(command)
                process = self.start(command, ranks=ranks)
                os.kill(max(ranks_of(process)) if ranks else process.pid, number)
                err = process.communicate(timeout=HUNG)[1]
                self.assertEqual(process.returncode, 75, err[-2000:])
                self.assertRegex(err, r"stopped with \d+ of \d+ images done; --resume goes on")
                self.assertEqual(os.path.exists(self.output(command)), command == "run")
                self.finish(command, 2)

    def test_max_minutes_stops_attacks_that_can_go_on(self):
        stops, minutes = 0, 0.004
        self.clear("attack")
        while True:
            finished = launch(
                "attack",
                self.jobs["attack"],
                "--resume",
                f"--set=run.max_minutes={minutes}",
                timeout=HUNG,
            )
            if finished.status != 75:
                break
            stops, minutes = stops + 1, 4 * minutes
            self.assertIn("--resume goes on", finished.err)
            self.assertLess(stops, 20)
        self.assertEqual(finished.status, 0, finished)
        self.assertGreater(stops, 0)
        self.assert_same(self.expected["attack"], contents(self.output("attack")))

    def test_a_set_that_is_made_anew_is_gone_on_with(self):
        """--overwrite was interrupted, or the end of a run that had written its set."""
        self.clear("attack")
        self.finish("attack", 0)
        process = self.start("attack", "--overwrite", ranks=0)
        process.kill()
        self.end(process)
        self.assertTrue(os.path.exists(self.output("attack") + ".making"))
        self.finish("attack", 2)

    def test_failing_writes_of_a_set_lose_nothing(self):
        """Kills and a full disk, at calls that change the set or what it is made from."""
        step = 1 if LONG else 90
        if not LONG:
            print(f"REDUCED: faults at every {step}th call; --long takes each", flush=True)
        for fault in "kill", "ENOSPC":
            failed = 0
            for at in range(7, 10000, step):
                self.clear("attack")
                finished = launch(
                    "attack",
                    self.jobs["attack"],
                    "--set=run.progress=0",
                    timeout=HUNG,
                    LD_PRELOAD=FAULTS,
                    FAULT=fault,
                    FAULT_AT=str(at),
                    FAULT_FILE="made.h5",
                )
                if finished.status == 0:
                    break
                failed += 1
                if fault == "kill":
                    self.assertEqual(finished.status, -signal.SIGKILL, finished)
                else:
                    self.assert_one_line(finished, 1, r"made\.h5.*(No space left|no room)")
                self.finish("attack", 0)
            print(f"{fault}: {failed} runs failed, differing results 0")
            self.assertGreater(failed, 1)


if __name__ == "__main__":
    if "--kills" in sys.argv:
        at = sys.argv.index("--kills")
        KILLS = int(sys.argv[at + 1])
        sys.argv[at:] = ["KilledAttacks.test_kills_lose_nothing"]
    unittest.main()
