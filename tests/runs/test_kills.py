"""Kills and signals at any moment: --resume gives the bits of an uninterrupted run.

    test_kills.py                      short, for the test suite
    test_kills.py --rounds 200         the kill campaign, so many rounds
"""

import concurrent.futures
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

import h5py

from interrupted import Interrupted
from support import ENVIRONMENT, MPIRUN, PATIENCE, PROGRAM, contents, launch, ranks_of

ROUNDS = 12


class Kills(Interrupted):
    JOB = {**Interrupted.JOB, "solver.iterations": "30, 8000", "run.progress": 0.001}

    def start(self, *options, ranks):
        command = ([MPIRUN, "-n", str(ranks)] if ranks else []) + [PROGRAM, "run", self.job, "--resume", *options]
        # Shared memory and sockets of killed ranks stay in a folder of the test.
        scratch = os.path.join(self.folder, "scratch")
        os.makedirs(scratch, exist_ok=True)
        environment = {**ENVIRONMENT, "TMPDIR": scratch, "OMPI_MCA_btl_vader_backing_directory": scratch,
                       "OMPI_MCA_odls_base_sigkill_timeout": "2"}
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def test_campaign(self):
        """Random victim (a rank, mpirun, all of them), random moment, 1 to 4 ranks, until complete; then again.  The next run
        starts at once: ranks whose mpirun was killed are still there, and write."""
        dice = random.Random(5)
        rounds = recomputed = lost = differing = finished = kills = in_flight = hangs = 0
        written = flying = 0  # images and blocks of the killed runs since the last that told what is done
        while rounds < ROUNDS or not os.path.exists(self.result):
            ranks, targets = dice.choice([0, 1, 2, 3, 4]), []
            process = self.start(ranks=ranks)
            try:
                process.wait(timeout=dice.uniform(0.2, 1.6))
            except subprocess.TimeoutExpired:
                targets = ranks_of(process) + [process.pid]
                targets = targets if dice.random() < 0.2 else [dice.choice(targets)]
                kills += 1
                for target in targets:
                    try:
                        os.kill(target, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            err, hung = self.last_words(process)
            hangs += hung
            rounds += 1
            self.assertIn(process.returncode, (-9, 1, 3, 137) if targets else (3,), err)
            self.assertNotIn("another run is writing it", err)
            found = re.search(r"resuming: (\d+) of 360", err)
            if found:
                recomputed += max(0, written - int(found.group(1)))
                in_flight += flying
                written = flying = 0
            if process.returncode == 3:
                finished += 1
                differing += contents(self.result) != self.expected
                os.unlink(self.result)
                written = flying = 0
                continue
            marks = re.findall(r"barydef: (\d+)/360 images", err)
            if marks:
                written, flying = int(marks[-1]), 2 * max(ranks, 1)
            if process.pid not in targets and os.path.exists(self.result):
                lost += launch("check", self.result).status != 0
        if os.path.exists(self.result):
            self.resume()
            differing += contents(self.result) != self.expected
        print(f"kill campaign: {rounds} rounds, {kills} kills, {finished} times complete; images rank 0 had written that had to be computed "
              f"again {recomputed} (blocks of 4 x 2 runs; in flight at most 2 a rank: {in_flight} blocks); files lost {lost}; differing results {differing}"
              + (f"; mpirun hung {hangs} times after its ranks had ended" if hangs else ""))
        self.assertEqual((lost, differing), (0, 0))
        self.assertGreater(kills, 0)
        # A mark follows fdatasync, at most two seconds later: far less than everything is done again.
        self.assertLess(recomputed, 60 * kills)

    def last_words(self, process):
        """Of a run that ends, and whether mpirun had to be killed: 4.1's deadlocks now and then in PMIx_server_finalize, when all ranks
        have ended after one was killed."""
        try:
            return process.communicate(timeout=30 * PATIENCE)[1], False
        except subprocess.TimeoutExpired:
            states = subprocess.run(["ps", "-o", "stat=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout.split()
            self.assertEqual([state for state in states if not state.startswith("Z")], [], "ranks that do not end")
            process.kill()
            return process.communicate()[1], True

    def test_resume_at_once(self):
        """The ranks of a killed mpirun hold the file a while longer; how long it is waited for: test_resume.py."""
        process = self.begun(2)
        process.kill()
        self.resume()
        self.check_whole()
        process.communicate(timeout=60)

    def stopped(self, process, status=75):
        err = process.communicate(timeout=60 * PATIENCE)[1]
        self.assertEqual(process.returncode, status, err[-2000:])
        lines = re.findall(r"barydef: \S*result.h5: stopped with (\d+) of 360 images done; --resume goes on", err)
        self.assertEqual(len(lines), 1, err)
        self.assertIn(f"NOT COMPLETE: {lines[0]} of 360", launch("check", self.result).out)
        return int(lines[0])

    def begun(self, ranks, *options):
        """A run that has written some blocks."""
        process = self.start(*options, ranks=ranks)
        for line in process.stderr:
            if re.search(r"[1-9]\d*/360 images", line):
                return process
        self.fail("the run ended too early")

    def test_signals(self):
        for number, ranks, whom in ((signal.SIGTERM, 0, "program"), (signal.SIGINT, 0, "program"), (signal.SIGUSR1, 2, "rank 0"),
                                    (signal.SIGTERM, 3, "last rank"), (signal.SIGUSR1, 3, "mpirun")):
            with self.subTest(signal=number, whom=whom):
                self.setUp()
                process = self.begun(ranks)
                targets = {whom: process.pid} if whom in ("program", "mpirun") else {"rank 0": min(ranks_of(process)), "last rank": max(ranks_of(process))}
                os.kill(targets[whom], number)
                self.stopped(process)
        self.resume(ranks=2)
        self.check_whole()

    @unittest.skipIf(PATIENCE > 1, "mpirun's patience is its own")
    def test_mpirun_told_to_end(self):
        """On SIGTERM and SIGINT mpirun waits, tells its ranks, waits, kills, and ends with 1 whatever they say."""
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(signal=number):
                self.setUp()
                process = self.begun(2, "--set=solver.iterations=30, 80000", "--set=sweep.solver.gamma=0.5, 1",
                                     "--set=run.progress=0.5")  # mpirun reads no lines while it waits
                os.kill(process.pid, number)
                self.stopped(process, 1)

    def test_second_signal(self):
        self.setUp()
        # One block for all of the work: it does not end before the second signal.
        process = self.start("--set=run.block=1000", "--set=solver.iterations=100000", ranks=0)
        while not os.path.exists(self.result):
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.4)
        self.assertIsNone(process.poll())
        start = time.time()
        os.kill(process.pid, signal.SIGTERM)
        self.assertEqual(process.wait(10), 75)
        self.assertLess(time.time() - start, 1)
        self.assertIn("NOT COMPLETE: 0 of 180", launch("check", self.result).out)
        process.communicate()

    def test_max_minutes(self):
        rounds = 0
        while True:
            # A second; more where that does not do for the start.
            finished = launch("run", self.job, "--resume", f"--set=run.max_minutes={0.015 * PATIENCE * 1.2**rounds}", ranks=2)
            rounds += 1
            if finished.status != 75:
                break
            self.assertRegex(finished.err, r"stopped (with \d+ of 360 images done|while what is done was checked)")
            self.assertLess(rounds, 40)
        self.assertEqual(finished.status, 3, finished)
        self.assertGreater(rounds, 1)
        self.check_whole()

    def test_stopped_rank(self):
        """SIGSTOP for some seconds of one rank changes no bit; what it costs: test_slowness.py."""
        process = self.begun(3)
        victim = max(ranks_of(process))
        os.kill(victim, signal.SIGSTOP)
        time.sleep(2)
        os.kill(victim, signal.SIGCONT)
        process.communicate(timeout=60 * PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.check_whole()

    def test_two_runs_at_once(self):
        process = self.begun(0)
        process.send_signal(signal.SIGSTOP)  # else it might end before they give up
        with concurrent.futures.ThreadPoolExecutor() as others:
            for finished in others.map(lambda option: launch("run", self.job, option), ("--resume", "--overwrite")):
                self.assertEqual(finished.status, 1, finished)
                self.assertIn("another run is writing it", finished.err)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        self.stopped(process)

    def test_reader_beside_a_run(self):
        """Somebody looks at the file, with HDF5's lock, when the run ends."""
        process = self.begun(2)
        with h5py.File(self.result, "r") as file:
            self.assertEqual(file.attrs["complete"], 0)
            process.communicate(timeout=60 * PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.check_whole()

    def test_result_removed_meanwhile(self):
        process = self.begun(0)
        os.unlink(self.result)
        err = process.communicate(timeout=60 * PATIENCE)[1]
        self.assertEqual(process.returncode, 1, err[-500:])
        self.assertIn("was removed or replaced while it was written", err)


if __name__ == "__main__":
    if "--rounds" in sys.argv:
        at = sys.argv.index("--rounds")
        ROUNDS = int(sys.argv[at + 1])
        sys.argv[at:] = ["Kills.test_campaign"]
    unittest.main()
