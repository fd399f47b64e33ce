"""After kills and signals at any moment --resume gives the bits of an uninterrupted run.

test_kills_lose_nothing.py                  12 rounds of the kill campaign; with BARYDEF_LONG 100
test_kills_lose_nothing.py --rounds 200     the kill campaign alone, for so many rounds
"""

import collections
import concurrent.futures
import math
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import h5py

from interrupted import Interrupted
from results import contents
from support import (
    HUNG,
    LONG,
    MPIRUN,
    PATIENCE,
    PROGRAM,
    launch,
    ranks_of,
    scratch_environment,
)

ROUNDS = 100 if LONG else 12


class Kills(Interrupted):
    JOB = {**Interrupted.JOB, "solver.iterations": "30, 8000", "run.progress": 0.001}

    def start(self, *options, ranks, patience=2):
        command = ([MPIRUN, "-n", str(ranks)] if ranks else []) + [
            PROGRAM,
            "run",
            self.job,
            "--resume",
            *options,
        ]
        environment = {
            **scratch_environment(self.folder),
            "OMPI_MCA_odls_base_sigkill_timeout": str(patience),
        }
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def one_run(self, dice, spared):
        """Kills a rank, mpirun, or all of them, at a random moment of a run on 1 to 4 ranks.  Some
        runs are spared, since on a busy machine none would end within a few seconds.

        Returns the exit status, stderr, whether ranks may live on, what rank 0 reported as written
        (time, images), when the kill came (None if it did not), and whether mpirun hung."""
        ranks, targets, lines, killed = dice.choice([0, 1, 2, 3, 4]), [], [], None
        process = self.start(ranks=ranks)
        reader = threading.Thread(
            target=lambda: lines.extend((time.monotonic(), line) for line in process.stderr)
        )
        reader.start()
        seconds = dice.uniform(0.2, 1.6) if dice.random() < 0.8 else dice.uniform(3.5, 5)
        try:
            process.wait(timeout=PATIENCE * (120 if spared else seconds))
        except subprocess.TimeoutExpired:
            targets = ranks_of(process) + [process.pid]
            targets = targets if dice.random() < 0.2 else [dice.choice(targets)]
            killed = time.monotonic()
            for target in targets:
                try:
                    os.kill(target, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        hung = self.end(process, reader)
        err = "".join(line for _, line in lines)
        self.assertIn(process.returncode, (-9, 1, 3, 137) if targets else (3,), err)
        self.assertNotIn("another run is writing it", err)
        counts = [
            (at, int(found.group(1)))
            for at, line in lines
            if (found := re.match(r"barydef: (\d+)/360 images \(", line))
        ]
        return process.returncode, err, ranks > 0 and process.pid in targets, counts, killed, hung

    def marked(self):
        checked = self.check_undamaged()
        return int(re.search(r"(\d+)(?: of 360)? images", checked.out).group(1))

    def test_a_kill_campaign_loses_nothing(self):
        """Run after run is killed until the result is complete.  Then all begins again.  The next
        run starts at once, while ranks whose mpirun was killed are still there and write."""
        if ROUNDS < 100:
            print(f"REDUCED: {ROUNDS} rounds of the kill campaign; --long takes 100", flush=True)
        dice, count = random.Random(5), collections.Counter()
        # How many images must be done in the file that is there, and how many rank 0 has reported.
        safe = written = 0
        while count["rounds"] < ROUNDS or not count["complete"]:
            self.assertLess(count["rounds"], ROUNDS + 3, "no round ends complete")
            existed = os.path.exists(self.result)
            status, err, live_on, counts, killed, hung = self.one_run(
                dice, spared=count["rounds"] >= ROUNDS
            )
            count.update(rounds=1, kills=killed is not None, hung=hung)
            resuming = re.search(r"resuming: (\d+) of 360", err)
            if counts:  # else it was killed before the first line, or found nothing left to do
                begun = int(resuming.group(1)) if resuming else 0
                self.assertGreaterEqual(
                    begun, safe, "images that were done are computed again\n" + err[:300]
                )
                count.update(resumed=begun, again=max(0, written - begun))
                safe, written = begun, counts[-1][1]
            self.assertTrue(
                os.path.exists(self.result) or not (existed or counts), "the file is gone"
            )
            if status == 3:
                self.assert_same(self.expected, contents(self.result))
                os.unlink(self.result)
                count["complete"] += 1
                safe = written = 0
                continue
            # A mark follows its image within two seconds, whatever the disk.  One more is for the
            # sync itself and a busy machine.
            safe = max([safe] + [images for at, images in counts if at < killed - 3 * PATIENCE])
            if os.path.exists(self.result) and not live_on:
                done = self.marked()
                self.assertGreaterEqual(
                    done,
                    safe,
                    "images that were done, or written three seconds ago, are not marked",
                )
                safe = done
        if os.path.exists(self.result):
            self.resume()
            self.check_whole()
        print(
            f"kill campaign: {count['rounds']} rounds, {count['kills']} kills, "
            f"{count['complete']} times complete, files lost 0, differing results 0; "
            f"images done that the next run kept {count['resumed']}, "
            "that were done and not kept 0, "
            f"that rank 0 had written and that were computed again {count['again']}"
            + (
                f"; mpirun hung {count['hung']} times after its ranks had ended"
                if count["hung"]
                else ""
            )
        )
        self.assertGreater(count["kills"], 0)
        self.assertGreater(count["resumed"], 0)

    def end(self, process, reader):
        """Waits for the end of a run.  Returns whether mpirun had to be killed, since that of Open
        MPI 4.1 deadlocks now and then in PMIx_server_finalize after a rank was killed."""
        reader.join(30 * PATIENCE)
        hung = reader.is_alive()
        if hung:
            states = subprocess.run(
                ["ps", "-o", "stat=", "--ppid", str(process.pid)], capture_output=True, text=True
            ).stdout.split()
            self.assertEqual(
                [state for state in states if not state.startswith("Z")],
                [],
                "ranks that do not end",
            )
            process.kill()
            reader.join()
        process.wait()
        process.stderr.close()
        return hung

    def test_a_resume_at_once_waits_for_orphans(self):
        """The ranks of a killed mpirun hold the file a while longer.  The next run waits for
        them."""
        process = self.begun(2)
        process.kill()
        self.resume()
        self.check_whole()
        process.communicate(timeout=60)

    def stopped(self, process, status=75):
        err = process.communicate(timeout=HUNG)[1]
        self.assertEqual(process.returncode, status, err[-2000:])
        lines = re.findall(
            r"barydef: \S*result.h5: stopped with (\d+) of 360 images done; --resume goes on", err
        )
        self.assertEqual(len(lines), 1, err)
        self.assertIn(f"NOT COMPLETE: {lines[0]} of 360", launch("check", self.result).out)
        return int(lines[0])

    def begun(self, ranks, *options, **others):
        """A run that has written some blocks."""
        process = self.start(*options, ranks=ranks, **others)
        for line in process.stderr:
            if re.search(r"[1-9]\d*/360 images", line):
                return process
        self.fail("the run ended too early")

    def test_signals_stop_a_run_that_can_go_on(self):
        for number, ranks, whom in (
            (signal.SIGTERM, 0, "program"),
            (signal.SIGINT, 0, "program"),
            (signal.SIGUSR1, 2, "rank 0"),
            (signal.SIGTERM, 3, "last rank"),
            (signal.SIGUSR1, 3, "mpirun"),
        ):
            with self.subTest(signal=number, whom=whom):
                self.setUp()
                process = self.begun(ranks)
                targets = (
                    {whom: process.pid}
                    if whom in ("program", "mpirun")
                    else {"rank 0": min(ranks_of(process)), "last rank": max(ranks_of(process))}
                )
                os.kill(targets[whom], number)
                self.stopped(process)
        self.resume(ranks=2)
        self.check_whole()

    def test_mpirun_told_to_end_stops_a_run_that_can_go_on(self):
        """On SIGTERM and SIGINT mpirun signals its ranks, kills them later, and ends with 1 in any
        case.  It waits longer here, as the pages advise, since a block takes its time on a busy
        machine.  Open MPI 5's mpirun cannot be told to wait: no line need appear."""
        waits = "Open MPI v5" not in launch("--version").out
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(signal=number):
                self.setUp()
                process = self.begun(
                    2,
                    "--set=solver.iterations=30, 40000",
                    "--set=sweep.solver.gamma=0.5, 1",
                    "--set=run.block=1",
                    "--set=run.progress=0.5",
                    patience=math.ceil(4 * PATIENCE),
                )  # mpirun reads no lines while it waits
                os.kill(process.pid, number)
                if waits:
                    self.stopped(process, 1)
                    continue
                err = process.communicate(timeout=HUNG)[1]
                self.assertEqual(process.returncode, 1, err[-2000:])
                self.assertRegex(launch("check", self.result).out, r"NOT COMPLETE: \d+ of 360")

    def test_a_second_signal_ends_at_once(self):
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

    def test_max_minutes_stops_a_run_that_can_go_on(self):
        rounds = 0
        while True:
            # A second, or more where a second is too short for the start.
            finished = launch(
                "run",
                self.job,
                "--resume",
                f"--set=run.max_minutes={0.015 * PATIENCE * 1.2**rounds}",
                ranks=2,
            )
            rounds += 1
            if finished.status != 75:
                break
            self.assertRegex(
                finished.err,
                r"stopped (with \d+ of 360 images done|while checking what is done)",
            )
            self.assertLess(rounds, 40)
        self.assertEqual(finished.status, 3, finished)
        self.assertGreater(rounds, 1)
        self.check_whole()

    def test_a_stopped_rank_changes_no_bit(self):
        """One rank is stopped for some seconds by SIGSTOP."""
        process = self.begun(3)
        victim = max(ranks_of(process))
        os.kill(victim, signal.SIGSTOP)
        time.sleep(2)
        os.kill(victim, signal.SIGCONT)
        process.communicate(timeout=HUNG)
        self.assertEqual(process.returncode, 3)
        self.check_whole()

    def test_a_second_run_is_refused(self):
        process = self.begun(0)
        process.send_signal(signal.SIGSTOP)  # else it might end before they give up
        with concurrent.futures.ThreadPoolExecutor() as others:
            for finished in others.map(
                lambda option: launch("run", self.job, option), ("--resume", "--overwrite")
            ):
                self.assertEqual(finished.status, 1, finished)
                self.assertIn("another run is writing it", finished.err)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        self.stopped(process)

    def test_a_reader_beside_a_run_does_no_harm(self):
        """The reader holds HDF5's lock when the run ends."""
        process = self.begun(2)
        with h5py.File(self.result, "r") as file:
            self.assertEqual(file.attrs["complete"], 0)
            process.communicate(timeout=HUNG)
        self.assertEqual(process.returncode, 3)
        self.check_whole()

    def test_a_result_removed_meanwhile_is_reported(self):
        process = self.begun(0)
        os.unlink(self.result)
        err = process.communicate(timeout=HUNG)[1]
        self.assertEqual(process.returncode, 1, err[-500:])
        self.assertIn("was removed or replaced while it was being written", err)


if __name__ == "__main__":
    if "--rounds" in sys.argv:
        at = sys.argv.index("--rounds")
        ROUNDS = int(sys.argv[at + 1])
        sys.argv[at:] = ["Kills.test_a_kill_campaign_loses_nothing"]
    unittest.main()
