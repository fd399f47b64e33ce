"""A damaged result is named by check, and --resume mends it to the bits of an uninterrupted run."""

import os
import shutil
import signal
import subprocess
import time
import unittest

import h5py
import numpy as np

from interrupted import Interrupted
from results import contents
from support import (
    ENVIRONMENT,
    FAULTS,
    LONG,
    MPIRUN,
    HUNG,
    PATIENCE,
    PROGRAM,
    SLOW,
    folder_contents,
    launch,
)


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

    def test_checking_reports_its_progress_and_can_be_stopped(self):
        """run.verify = marks believes the marks instead."""
        shutil.copy(self.whole, self.result)
        with h5py.File(self.result, "r+") as file:
            image = file["runs/001/b/images"].id.get_offset() + 9
            file["checksums/000/a"][7] = 0
        self.flip(image)
        finished = self.resume("--set=run.progress=1e-9", "--set=run.max_minutes=1e-6", status=75)
        self.assertRegex(finished.err, r"checking what is done: \d+/360 images\n")
        self.assertIn(
            "result.h5: stopped while checking what is done; --resume goes on", finished.err
        )
        finished = self.resume("--set=run.verify=marks", ranks=2)
        self.assertIn("resuming: 358 of 360 images are done\n", finished.err)
        self.assertIn("run 001, b: image 0 is damaged", launch("check", self.result).out)
        self.resume()
        self.check_whole()

    def test_damage_that_was_found_is_not_forgotten(self):
        """A start that believes the marks follows one that looked for damage and was killed."""
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

    def test_labels_damaged_meanwhile_are_written_anew(self):
        """The checksum of the labels is not computed from the damaged ones."""
        launch("run", self.job, "--set=run.max_minutes=1e-6")
        running = self.held(5, "--resume")
        with h5py.File(self.result, "r") as file:
            place = file["labels"].id.get_offset() + 8
        self.flip(place)
        running.send_signal(signal.SIGCONT)
        running.communicate(timeout=HUNG)
        self.assertEqual(running.returncode, 3)
        self.check_whole()

    def test_a_run_that_finishes_while_it_is_waited_for_is_found_done(self):
        """Ranks know the file by its head, which changes meanwhile."""
        launch("run", self.job, "--set=run.max_minutes=1e-6")
        before = self.held(5, "--resume")
        after = subprocess.Popen(
            [MPIRUN, "-n", "2", PROGRAM, "run", self.job, "--resume", "--set=run.wait=60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            text=True,
        )
        time.sleep(3 * PATIENCE)
        before.send_signal(signal.SIGCONT)
        before.communicate(timeout=HUNG)
        self.assertEqual(before.returncode, 3)
        # On a slow machine it may not have begun before.
        self.assertRegex(
            after.communicate(timeout=HUNG)[0],
            "resuming: 360 of 360 images are done|nothing left to do: all 360 images were done",
        )
        self.check_whole()

    def test_a_fault_on_another_rank_loses_nothing(self):
        """With run.writers = all, a rank other than 0 may be the one that cannot write."""
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

    def test_a_destroyed_file_is_refused(self):
        for size in 0, 100, 2048, -1000:
            shutil.copy(self.whole, self.result)
            os.truncate(self.result, size if size >= 0 else os.path.getsize(self.result) + size)
            for command in ("check", self.result), ("run", self.job, "--resume"):
                finished = launch(*command)
                self.assertEqual(finished.status, 2, finished)
                self.assertRegex(finished.err, r"^barydef: \S*result.h5: ")
                self.assertEqual(len(finished.err_lines), 1, finished)


class Attributes(Interrupted):
    """Attributes that follow from job and input: check names those that are damaged, and a resume
    writes them anew, each in its place."""

    JOB = Interrupted.WITHOUT_VICTIM
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

    def test_each_attribute_is_mended(self):
        self.assertGreater(len(self.names), 30)
        part = 16 if SLOW else 4
        if not LONG:
            print(f"REDUCED: one of {part} attributes; --long damages each", flush=True)
        for before in self.stopped, self.whole:
            for at, (path, name) in enumerate(self.names):
                tried = (
                    LONG
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
                    group = path.replace("checksums", "runs").replace("/per_image", "")
                    where = f"an attribute of /{group}"
                    if name == "fallbacks":
                        where = f"attribute fallbacks of /{path}"
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

    def test_attributes_of_another_type_or_missing_are_refused(self):
        """The attribute has no room where it stood, so nothing changes, and one line says so."""
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
                f"result.h5: cannot be resumed: attribute {name} of /{path.strip('/')} is damaged, "
                "or missing",
                finished.err,
            )
            self.assertEqual(contents(self.result), before)

    def test_damaged_instructions_are_refused(self):
        """Where the job leaves the instructions open, only the file knows them."""
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

    def test_the_name_of_the_data_set_is_mended(self):
        shutil.copy(self.whole, self.result)
        self.damage("/", "dataset")
        self.assertIn("damaged: attribute dataset of /; written anew", self.resume(ranks=2).err)
        with h5py.File(self.result, "r") as file:
            self.assertEqual(
                file.attrs["dataset"],
                b"noise" if isinstance(file.attrs["dataset"], bytes) else "noise",
            )

    def test_other_paths_to_the_input_change_nothing(self):
        """Under another name of the same input, the run keeps what it was begun with."""
        shutil.copy(self.stopped, self.result)
        os.link(os.path.join(self.folder, "set.h5"), os.path.join(self.folder, "another.h5"))
        finished = self.resume(f"--set=input.file={self.folder}/another.h5")
        self.assertNotIn("damaged", finished.err)
        self.check_whole()

    def test_a_result_without_checksums_of_attributes_is_accepted(self):
        """Older results have none, and are accepted.  A result that lacks some of them is not."""
        shutil.copy(self.whole, self.result)
        with h5py.File(self.result, "r+") as file:
            del file["checksums/003/b"].attrs["attributes_checksum"]
        self.assertIn("an attribute of /runs/003/b is damaged", launch("check", self.result).out)
        with h5py.File(self.result, "r+") as file:
            file["checksums"].visititems(lambda name, item: item.attrs.clear())
        self.assertEqual(launch("check", self.result).status, 0)
        self.damage("runs/001/b", "epsilon")
        self.assertIn("attribute epsilon of /runs/001/b; written anew", self.resume().err)

    def test_another_revision_is_reported(self):
        """Another git revision of the same version is reported, and not refused."""
        shutil.copy(self.stopped, self.result)
        self.damage("/", "git_revision", b"0ther")
        self.assertRegex(
            self.resume().err,
            r"barydef: \S*result.h5: was begun by revision 0ther of the program, this is \S+\n",
        )
        self.check_whole()


if __name__ == "__main__":
    unittest.main()
