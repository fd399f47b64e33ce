"""A run survives failing writes and damage, and --resume gives the bits of an uninterrupted one;
kills and signals: test_kills.py.

    test_resume.py                      short, for the test suite
    test_resume.py --every              a fault at each write, not at some

Where BARYDEF_PATIENCE says that the build is slow (sanitizers), the short form takes fewer."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

import h5py
import numpy as np

from interrupted import Interrupted
from support import (
    ENVIRONMENT,
    FAULTS,
    MPIRUN,
    PATIENCE,
    PROGRAM,
    contents,
    folder_contents,
    launch,
    purify,
    random_images,
    run_job,
    small_file_system,
    write_set,
    write_victim,
)

EVERY = False
SLOW = PATIENCE > 1


class Faults(Interrupted):
    """At every so-manieth call that changes the result, in turn; with --every at each."""

    JOB = {name: value for name, value in Interrupted.JOB.items() if not name.startswith("victim.")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stopped = os.path.join(cls.folder, "stopped.h5")
        launch("run", cls.job, f"--set=output.file={cls.stopped}", "--set=run.max_minutes=1e-6")

    def at_each_call(self, fault, step, check, first=1, harmless_most=0, **others):
        calls = harmless = 0
        if SLOW and not EVERY and step < 61:
            print(
                f"REDUCED: {fault} at every {min(4 * step, 61)}th call, not {step}th (BARYDEF_PATIENCE)",
                flush=True,
            )
            step = min(4 * step, 61)
        for at in [*range(1, first), *range(first, 10000, 1 if EVERY else step)]:
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
            if (
                finished.status == 3
            ):  # no such call any more; or one the run can do without, as one that reserves room, or that HDF5 repeats
                self.check_whole()
                harmless += 1
                if harmless > harmless_most:
                    break
                continue
            calls, harmless = calls + 1, 0
            check(finished)
            if os.path.exists(self.result):
                checked = launch("check", self.result)
                self.assertEqual(checked.status, 0, checked)
            self.resume()
            self.check_whole()
        self.assertGreater(calls, 5)
        return calls

    def test_kill_at_each_write(self):
        calls = self.at_each_call(
            "kill",
            11,
            lambda finished: self.assertEqual(finished.status, -signal.SIGKILL, finished),
        )
        print(f"killed before {calls} different writes: files lost 0, differing results 0")

    def test_failing_writes(self):
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

    def test_failing_once(self):
        """The system tells of a failed write once: nothing may be marked after it, nor go on without labels."""

        def check(finished):
            self.assertEqual(finished.status, 1, finished)
            self.assertIn("Input/output error", finished.err)

        self.at_each_call(
            "EIO", 31, check, first=8, harmless_most=40 if EVERY else 9, FAULT_ONCE="1"
        )

    def test_failing_once_when_it_is_finished(self):
        """Every write of a resume that has only the statistics to write."""
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

    def test_two_create_it(self):
        """One that was held up while it created the result, as the rank of a killed mpirun may be, does not replace that of the next run."""
        for option, first in ("--resume", None), ("--overwrite", self.whole):
            for at in 3, 9:
                self.setUp()
                if first:
                    shutil.copy(first, self.result)
                environment = {
                    **ENVIRONMENT,
                    "LD_PRELOAD": FAULTS,
                    "FAULT": "stop",
                    "FAULT_AT": str(at),
                    "FAULT_FILE": "creating",
                }
                late = subprocess.Popen(
                    [PROGRAM, "run", self.job, option],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
                os.waitid(os.P_PID, late.pid, os.WSTOPPED)
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

    def test_lock(self):
        """Another who has it is waited for, about five seconds; other failures are told, but where a file system knows no locks."""
        for option, number, times, status, text in (
            ("--resume", errno.EAGAIN, 20, 3, "images failed"),
            ("--overwrite", errno.EAGAIN, 20, 3, "images failed"),
            ("--resume", errno.EAGAIN, 60, 1, "result.h5: another run is writing it"),
            ("--resume", errno.ENOSYS, 1, 3, "images failed"),
            ("--resume", errno.ENOLCK, 1, 1, "result.h5: cannot be locked: No locks available"),
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

    def test_full_file_system(self):
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

    def test_unreadable_input(self):
        """Deflated chunks of which one is overwritten: exit 1, and the blocks before it are kept."""
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


class Damage(Interrupted):
    def flip(self, place):
        with open(self.result, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 16]))

    def test_damage_is_named_and_mended(self):
        shutil.copy(self.whole, self.result)
        with h5py.File(self.result, "r") as file:
            images, records, marks, inputs, labels, statistics = (
                file[name].id.get_offset()
                for name in (
                    "runs/001/b/images",
                    "runs/002/clean/per_image",
                    "checksums/003/a",
                    "checksums/input/b",
                    "labels",
                    "statistics",
                )
            )
            size = file["runs/002/clean/per_image"].dtype.itemsize
        for place, text in (
            (images + 5 * 576 + 9, "run 001, b: image 5 is damaged"),
            (records + 7 * size + 20, "run 002, clean: image 7 is damaged"),
            (marks + 8 * 11 + 3, "run 003, a: image 11 is damaged"),
            (inputs + 8 * 29, "run 000, b: image 29 is damaged"),
            (labels + 8, "/labels is damaged"),
            (statistics + 100, "/statistics is damaged"),
        ):
            with self.subTest(text):
                self.flip(place)
                checked = launch("check", self.result)
                self.assertEqual(checked.status, 1, checked)
                self.assertIn(text, checked.out)
                self.assertRegex(checked.err, r"result.h5: damaged: \d+ of 360 images")
                self.resume(ranks=2)
                self.check_whole()
        self.flip(images)
        self.flip(records + 1)
        finished = self.resume()
        # A point's two snapshots are computed together.
        self.assertIn(
            "resuming: 356 of 360 images are done; 4 damaged ones are computed again", finished.err
        )
        self.check_whole()

    def test_checking(self):
        """It tells how far it is, and can be stopped; run.verify = marks believes what is marked."""
        shutil.copy(self.whole, self.result)
        with h5py.File(self.result, "r+") as file:
            image = file["runs/001/b/images"].id.get_offset() + 9
            file["checksums/000/a"][7] = 0
        self.flip(image)
        finished = self.resume("--set=run.progress=1e-9", "--set=run.max_minutes=1e-6", status=75)
        self.assertRegex(finished.err, r"checking what is done: \d+/360 images\n")
        self.assertIn(
            "result.h5: stopped while what is done was checked; --resume goes on", finished.err
        )
        finished = self.resume("--set=run.verify=marks", ranks=2)
        self.assertIn("resuming: 358 of 360 images are done\n", finished.err)
        self.assertIn("run 001, b: image 0 is damaged", launch("check", self.result).out)
        self.resume()
        self.check_whole()

    def test_damage_that_was_found_is_not_forgotten(self):
        """By a start that believes the marks, after one that has looked for damage and was killed."""
        for at in 3, 4, 6:
            shutil.copy(self.whole, self.result)
            with h5py.File(self.result, "r") as file:
                place = file["runs/001/b/images"].id.get_offset() + 5 * 576
            self.flip(place)
            killed = launch(
                "run",
                self.job,
                "--resume",
                LD_PRELOAD=FAULTS,
                FAULT="kill",
                FAULT_AT=str(at),
                FAULT_FILE="result.h5",
            )
            self.assertEqual(killed.status, -signal.SIGKILL, killed)
            self.resume("--set=run.verify=marks")
            self.check_whole()

    def test_labels_damaged_meanwhile(self):
        """Their checksum is not made of the damage."""
        launch("run", self.job, "--set=run.max_minutes=1e-6")
        running = subprocess.Popen(
            [PROGRAM, "run", self.job, "--resume"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **ENVIRONMENT,
                "LD_PRELOAD": FAULTS,
                "FAULT": "stop",
                "FAULT_AT": "5",
                "FAULT_FILE": "result.h5",
            },
        )
        os.waitid(os.P_PID, running.pid, os.WSTOPPED)
        with h5py.File(self.result, "r") as file:
            place = file["labels"].id.get_offset() + 8
        self.flip(place)
        running.send_signal(signal.SIGCONT)
        self.assertEqual(running.wait(timeout=60), 3)
        self.check_whole()

    def test_another_finishes_while_it_is_waited_for(self):
        """The head of the file, by which ranks know it, is then another."""
        launch("run", self.job, "--set=run.max_minutes=1e-6")
        before = subprocess.Popen(
            [PROGRAM, "run", self.job, "--resume"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **ENVIRONMENT,
                "LD_PRELOAD": FAULTS,
                "FAULT": "stop",
                "FAULT_AT": "5",
                "FAULT_FILE": "result.h5",
            },
        )
        os.waitid(os.P_PID, before.pid, os.WSTOPPED)
        after = subprocess.Popen(
            [MPIRUN, "-n", "2", PROGRAM, "run", self.job, "--resume", "--set=run.wait=60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            text=True,
        )
        time.sleep(3 * PATIENCE)
        before.send_signal(signal.SIGCONT)
        self.assertEqual(before.wait(timeout=60 * PATIENCE), 3)
        # On a slow machine it may not have begun before.
        self.assertRegex(
            after.communicate(timeout=60 * PATIENCE)[0],
            "resuming: 360 of 360 images are done|nothing left to do: all 360 images were done",
        )
        self.check_whole()

    def test_fault_on_another_rank(self):
        """With run.writers = all the rank that cannot write is not rank 0."""
        for fault in "ENOSPC", "kill":
            self.setUp()
            finished = launch(
                "run",
                self.job,
                "--set=run.writers=all",
                ranks=3,
                LD_PRELOAD=FAULTS,
                FAULT=fault,
                FAULT_AT="3",
                FAULT_FILE="result.h5",
                FAULT_RANK="2",
            )
            self.assertNotIn(finished.status, (0, 3), finished)
            if fault == "ENOSPC":
                self.assertEqual(finished.status, 1, finished)
                self.assertRegex(
                    finished.err,
                    "barydef: \\S*result.h5: cannot be written: No space left on device",
                )
            self.resume(ranks=2)
            self.check_whole()

    def test_complete_and_whole_is_left_alone(self):
        shutil.copy(self.whole, self.result)
        before = folder_contents(self.folder)
        finished = self.resume(ranks=2)
        self.assertIn("nothing left to do", finished.out)
        self.assertEqual(folder_contents(self.folder), before)

    def test_destroyed_file(self):
        for size in 0, 100, 2048, -1000:
            shutil.copy(self.whole, self.result)
            os.truncate(self.result, size if size >= 0 else os.path.getsize(self.result) + size)
            for command in ("check", self.result), ("run", self.job, "--resume"):
                finished = launch(*command)
                self.assertEqual(finished.status, 2, finished)
                self.assertRegex(finished.err, r"^barydef: \S*result.h5: ")
                self.assertEqual(len(finished.err_lines), 1, finished)


class Attributes(Interrupted):
    """Those that follow from job and input: check names where they are damaged, and a resume writes them anew, each in its place."""

    JOB = Faults.JOB
    TOPS = "runs/002", "runs/001/b", "runs/003/clean/per_image", "checksums/001", "checksums/002/a"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stopped = os.path.join(cls.folder, "stopped.h5")
        launch("run", cls.job, f"--set=output.file={cls.stopped}", "--set=run.max_minutes=1e-6")
        with h5py.File(cls.stopped, "r") as file:
            cls.names = [
                (path, name)
                for path in cls.TOPS
                for name in file[path].attrs
                if file[path].attrs.get_id(name).dtype.itemsize > 1
            ]

    def damage(self, path, name, new=None):
        """Another value of the same type."""
        with h5py.File(self.result, "r+") as file:
            attribute = file[path].attrs.get_id(name)
            value = np.zeros((), attribute.dtype)
            attribute.read(value)
            changed = bytearray(value.tobytes())
            changed[0] ^= 1
            if new:
                changed[:] = new.ljust(len(changed), b"\0")
            attribute.write(np.frombuffer(bytes(changed), value.dtype).reshape(()))

    def test_each_is_mended(self):
        self.assertGreater(len(self.names), 30)
        part = 16 if SLOW else 4
        if SLOW and not EVERY:
            print(f"REDUCED: one of {part} attributes, not of 4 (BARYDEF_PATIENCE)", flush=True)
        for before in self.stopped, self.whole:
            for at, (path, name) in enumerate(self.names):
                tried = (
                    EVERY
                    or at % part == 0
                    or name in ("source", "epsilon", "norm", "fallbacks", "attributes_checksum")
                )
                if (
                    not tried
                    or name == "instructions_used"
                    or (name == "fallbacks" and before == self.stopped)
                ):
                    continue
                with self.subTest(path=path, name=name):
                    shutil.copy(before, self.result)
                    self.damage(path, name)
                    self.assertNotEqual(contents(before), contents(self.result))
                    where = (
                        f"attribute fallbacks of /{path}"
                        if name == "fallbacks"
                        else f"an attribute of /{path.replace('checksums', 'runs').replace('/per_image', '')}"
                    )
                    checked = launch("check", self.result)
                    self.assertEqual(checked.status, 1, checked)
                    self.assertIn(f"{where} is damaged\n", checked.out)
                    self.assertIn("damaged: 0 of 360 images, and ", checked.err)
                    finished = self.resume()
                    if name != "fallbacks":
                        self.assertIn(
                            f"result.h5: damaged: attribute {name} of /{path}; written anew\n",
                            finished.err,
                        )
                    self.assert_same(self.expected, contents(self.result))
            self.check_whole()

    def test_of_another_type_or_missing(self):
        """There is no room for it where it stood: nothing is changed, and one line says so."""
        for path, name, value in (
            ("runs/001/a", "epsilon", "much"),
            ("runs/001", "solver.gamma", np.float32(0.5)),
            ("runs/000/b", "source", None),
            ("/", "dataset", 3),
            ("runs/002", "fallbacks", None),
            ("runs/003", "fallbacks", "0"),
            ("/", "hosts", None),
            ("/", "labels_checksum", 16 * "0"),
            ("/", "seconds", "a while"),
        ):
            shutil.copy(self.whole, self.result)
            with h5py.File(self.result, "r+") as file:
                del file[path].attrs[name]
                if value is not None:
                    file[path].attrs[name] = value
            before = contents(self.result)
            finished = self.resume(status=2)
            self.assertEqual(len(finished.err_lines), 1, finished)
            self.assertIn(
                f"result.h5: cannot be resumed: attribute {name} of /{path.strip('/')} is damaged, or missing",
                finished.err,
            )
            self.assertEqual(contents(self.result), before)

    def test_instructions(self):
        """Where the job leaves them open the file alone knows them."""
        used = contents(self.whole)["runs/000@instructions_used"][2]
        for runs, text in (
            ((0,), "instructions_used of run 001 is"),
            ((3,), "instructions_used of run 003 is"),
            (range(4), "cannot be resumed: (attribute )?instructions_used"),
        ):
            shutil.copy(self.whole, self.result)
            for run in runs:
                self.damage(
                    f"runs/{run:03d}",
                    "instructions_used",
                    b"baseline"[: len(used) - 1] if used.startswith(b"a") else b"avx2",
                )
            checked = launch("check", self.result)
            self.assertIn(f"an attribute of /runs/{runs[0]:03d} is damaged", checked.out)
            self.assertRegex(self.resume(status=2).err, text)
        shutil.copy(self.whole, self.result)
        for run in range(4):
            self.damage(f"checksums/{run:03d}", "attributes_checksum")
        self.assertIn(
            "attribute instructions_used (or the checksum) of /runs/000", self.resume(status=2).err
        )

    def test_data_set(self):
        shutil.copy(self.whole, self.result)
        self.damage("/", "dataset")
        self.assertIn("damaged: attribute dataset of /; written anew", self.resume(ranks=2).err)
        with h5py.File(self.result, "r") as file:
            self.assertEqual(
                file.attrs["dataset"],
                b"noise" if isinstance(file.attrs["dataset"], bytes) else "noise",
            )

    def test_other_paths(self):
        """The same input under another name: the run keeps what it was begun with."""
        shutil.copy(self.stopped, self.result)
        os.link(os.path.join(self.folder, "set.h5"), os.path.join(self.folder, "another.h5"))
        finished = self.resume(f"--set=input.file={self.folder}/another.h5")
        self.assertNotIn("damaged", finished.err)
        self.check_whole()

    def test_without_checksums(self):
        """Results of before these were written are as good; one that lacks some is not."""
        shutil.copy(self.whole, self.result)
        with h5py.File(self.result, "r+") as file:
            del file["checksums/003/b"].attrs["attributes_checksum"]
        self.assertIn("an attribute of /runs/003/b is damaged", launch("check", self.result).out)
        with h5py.File(self.result, "r+") as file:
            file["checksums"].visititems(lambda name, item: item.attrs.clear())
        self.assertEqual(launch("check", self.result).status, 0)
        self.damage("runs/001/b", "epsilon")
        self.assertIn("attribute epsilon of /runs/001/b; written anew", self.resume().err)

    def test_another_revision(self):
        """It is said, and not refused."""
        shutil.copy(self.stopped, self.result)
        self.damage("/", "git_revision", b"0ther")
        self.assertRegex(
            self.resume().err,
            r"barydef: \S*result.h5: was begun by revision 0ther of the program, this is \S+\n",
        )
        self.check_whole()


class Refusals(Interrupted):
    """A resume of something else is refused, with the difference named, and nothing changes."""

    def refused(self, text, *options, lines=1):
        before = folder_contents(self.folder)
        finished = launch("run", self.job, "--resume", *options, ranks=2)
        self.assertEqual(finished.status, 2, finished)
        self.assertEqual(len(finished.err_lines), lines, finished)
        self.assertRegex(finished.err, text)
        self.assertEqual(folder_contents(self.folder), before)

    def setUp(self):
        super().setUp()
        finished = launch("run", self.job, "--set=run.max_minutes=0.000001")
        self.assertEqual(finished.status, 75, finished)

    def test_another_job(self):
        for option, text in (
            ("solver.theta=10", 'solver.theta is "1e5" there, "10" now'),
            ("solver.iterations=3, 21", "solver.iterations"),
            ("sweep.solver.gamma=0.05, 0.6", 'solver.gamma is "0.5" there, "0.6" now'),
            (
                "sweep.solver.gamma=0.05",
                'the number of points of \\[sweep\\] is "2" there, "1" now',
            ),
            ("input.attacks=a", "input.attacks"),
            ("input.limit=9", "input.limit"),
            ("output.images=no", "output.images"),
            ("victim.batch=9", "victim.batch"),
            ("victim.file=", "victim_digest"),
        ):
            self.refused(text, f"--set={option}")
        self.refused('part is "1/1" there, "1/2" now', "--part=1/2")

    def test_what_may_differ(self):
        self.resume(
            "--set=run.block=7",
            "--set=run.progress=1",
            "--set=run.writers=all",
            "--set=solver.theta=100000.0",
            ranks=3,
        )
        self.check_whole()

    def test_another_input(self):
        path = os.path.join(self.folder, "set.h5")
        shutil.copy(path, path + ".kept")
        finished = launch(
            "run",
            self.job,
            "--resume",
            "--set=run.block=4",
            FAULT="kill",
            FAULT_AT="60",
            FAULT_FILE="result.h5",
            LD_PRELOAD=FAULTS,
        )
        self.assertEqual(finished.status, -9)
        try:
            with h5py.File(path, "r+") as file:
                file["attacks/a/images"][1, 0, 3, 3] += 1e-3
            self.refused("the pixels of image 1 of a in \\S*set.h5 are not those it was begun with")
            shutil.copy(path + ".kept", path)
            with h5py.File(path, "r+") as file:
                file["labels"][1] += 1
            self.refused("input_digest")
        finally:
            shutil.move(path + ".kept", path)
        write_victim(os.path.join(self.folder, "victim.pt"), "    return x.flatten(1)[:, :10]\n")
        self.refused("victim_digest")
        write_victim(os.path.join(self.folder, "victim.pt"))

    def test_another_program(self):
        for name, value in ("program_version", "0.0.9"), ("schema_version", 2):
            with h5py.File(self.result, "r+") as file:
                kept = file.attrs[name]
                file.attrs[name] = value
            self.refused(name)
            with h5py.File(self.result, "r+") as file:
                file.attrs[name] = kept
        with h5py.File(self.result, "r+") as file:
            for run in file["runs"].values():
                run.attrs["instructions_used"] = "sse9"
        self.refused('instructions_used is "sse9" there')

    def test_usage(self):
        self.refused("--resume keeps the output, --overwrite replaces it", "--overwrite", lines=2)


if __name__ == "__main__":
    if "--every" in sys.argv:
        EVERY = True
        sys.argv[1:] = [
            "Attributes.test_each_is_mended",
            "Faults.test_kill_at_each_write",
            "Faults.test_failing_writes",
            "Faults.test_failing_once",
        ]
    unittest.main()
