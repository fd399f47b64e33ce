"""check, --resume and merge refuse a forged result in one line, and nothing is lost."""

import os
import shutil
import subprocess
import unittest

import h5py
import numpy as np

from hostile import Hostile, hole, preloaded
from results import contents
from support import ENVIRONMENT, MPIRUN, PATIENCE, PROGRAM, launch, purify, skip


class Results(Hostile):
    """A result that is to be resumed, checked or merged may be made up."""

    def setUp(self):
        super().setUp()
        self.result = purify(self.folder, {}, "--overwrite")
        self.job = os.path.join(self.folder, "job.ini")

    def refused_result(self, text, commands=("check", "resume", "merge")):
        for command in commands:
            arguments = {
                "check": ("check", self.result),
                "resume": ("run", self.job, "--resume"),
                "merge": ("merge", os.path.join(self.folder, "m.h5"), self.result),
            }
            self.assert_one_line(launch(*arguments[command]), 2, text)

    def test_links_and_other_layouts_are_refused(self):
        other = os.path.join(self.folder, "other.h5")
        shutil.copy(self.result, other)
        for name in (
            "runs/000/a/images",
            "runs/000/a/per_image",
            "checksums/000/a",
            "labels",
            "statistics",
        ):
            for link in h5py.ExternalLink("other.h5", name), h5py.SoftLink("/nowhere"):
                with self.subTest(name, link=link):
                    shutil.copy(other, self.result)
                    with h5py.File(self.result, "r+") as file:
                        del file[name]
                        file[name] = link
                    self.refused_result("a damaged result", ("check", "resume"))

    def test_virtual_and_chunked_datasets_are_refused(self):
        for kind in "virtual", "chunked":
            with h5py.File(self.result, "r+") as file:
                images = file["runs/000/a/images"][...]
                del file["runs/000/a/images"]
                if kind == "chunked":
                    file.create_dataset("runs/000/a/images", data=images, chunks=True)
                else:
                    layout = h5py.VirtualLayout(images.shape, images.dtype)
                    layout[:] = h5py.VirtualSource("other.h5", "runs/000/a/images", images.shape)
                    file.create_virtual_dataset("runs/000/a/images", layout)
            self.refused_result("a damaged result: /runs/000/a/images")
            purify(self.folder, {}, "--overwrite")

    def test_counts_that_do_not_fit_are_refused(self):
        with h5py.File(self.result, "r+") as file:
            file.attrs["attacks"] = "/" * 500000
        self.refused_result("a damaged result: the list of attacks")
        purify(self.folder, {}, "--overwrite")
        with h5py.File(self.result, "r+") as file:
            del file["statistics"]
            file.create_dataset("statistics", (1 << 40,), "f8", chunks=(1024,))
        self.refused_result("a damaged result")
        self.assertEqual(launch("inspect", self.result).status, 2)

    def test_attributes_of_any_size_are_merged(self):
        with h5py.File(self.result, "r+") as file:
            file.attrs["extra"] = np.arange(4000)
            file.attrs.create("text", ["a" * 100] * 50, dtype=h5py.string_dtype())
        finished = launch("merge", os.path.join(self.folder, "m.h5"), self.result)
        self.assertEqual(finished.status, 0, finished)

    def test_a_job_that_is_none_is_refused(self):
        for text in (
            "x" * 900000,
            "[solver]\ngamma = 1e999\n",
            "[solver]\n" + "gamma = 1\n" * 1000,
            "\x1b[2J",
        ):
            with h5py.File(self.result, "r+") as file:
                del file.attrs["job"]
                file.attrs.create("job", text, dtype=h5py.string_dtype())
            self.assert_one_line(launch("run", self.job, "--resume"), 2, "^[^\x1b]*$")

    def test_what_is_no_file_is_refused(self):
        os.unlink(self.result)
        os.mkfifo(self.result)
        for arguments in ("check", self.result), ("inspect", self.result):
            self.assertIn("not a file", launch(*arguments).err)
        self.assertEqual(launch("run", self.job, "--resume").status, 2)
        os.unlink(self.result)

    def begun(self):
        """A result with nothing done."""
        return purify(self.folder, {}, "--overwrite", "--set=run.max_minutes=1e-7", status=75)

    def not_finished(self, text, **environment):
        """All images are done and kept, the result is not complete, and one line says why."""
        finished = launch("run", self.job, "--resume", "--quiet", **environment)
        self.assert_one_line(finished, 1, text)
        self.assertIn(
            "NOT COMPLETE: 18 of 18 images are done, all their checksums are right",
            launch("check", self.result).out,
        )

    def test_a_crash_of_hdf5_at_the_end_loses_nothing(self):
        whole = contents(self.result)
        for name, code, text in (
            ("crash", "abort();", r"result.h5: HDF5 crashes on it \(Aborted\)"),
            ("loop", "for (;;) {}", "HDF5 does not finish reading it"),
            ("end", "_exit(0);", "HDF5 fails on it"),
            ("kill", "raise(SIGKILL);", "the process that opened it was killed"),
        ):
            with self.subTest(name):
                # The one attribute that is written last.
                library = preloaded(
                    self.folder,
                    name,
                    """
                    int H5Awrite(long attribute, long type, const void *value) {
                      if (in_child()) { %s }
                      return ((int (*)(long, long, const void *))dlsym(RTLD_NEXT, "H5Awrite"))(
                          attribute, type, value);
                    }
                    """
                    % code,
                )
                self.begun()
                self.not_finished(text, LD_PRELOAD=library)
                finished = launch("run", self.job, "--resume")
                self.assertEqual(finished.status, 0, finished)
                self.assert_same(whole, contents(self.result))

    def test_attributes_that_the_end_would_miss_are_missed_at_the_start(self):
        """A run does not compute for hours and then find that it cannot be finished."""
        for name, path in ("hosts", "/"), ("ranks", "/"), ("fallbacks", "runs/000"):
            self.begun()
            with h5py.File(self.result, "r+") as file:
                del file[path].attrs[name]
            self.assert_one_line(
                launch("run", self.job, "--resume", "--quiet"),
                2,
                f"result.h5: cannot be resumed: attribute {name} of /{path.strip('/')} is damaged, "
                "or missing",
            )

    def test_a_file_that_ends_early_is_refused(self):
        """HDF5 would cut the file off there when it is written."""
        size = os.path.getsize(self.result)
        with open(self.result, "r+b") as file:
            file.seek(40)
            self.assertEqual(int.from_bytes(file.read(8), "little"), size)
            file.seek(40)
            file.write((size - 8).to_bytes(8, "little"))
        self.refused_result("a damaged result: the end of the file")
        self.assertEqual(os.path.getsize(self.result), size)

    def test_a_result_without_checksums_can_only_be_inspected(self):
        with h5py.File(self.result, "r+") as file:
            del file["checksums"]
        self.refused_result(
            "result.h5: has no /checksums: it was written by an older barydef, "
            "and this program can only inspect it"
        )
        self.assertEqual(launch("inspect", self.result).status, 0)

    def test_runs_that_share_their_data_are_refused(self):
        with h5py.File(self.result, "r+") as file:
            for number in range(1, 400):
                file[f"runs/{number:03d}"], file[f"checksums/{number:03d}"] = (
                    file["runs/000"],
                    file["checksums/000"],
                )
            rows = file["statistics"][...]
            del file["statistics"]
            file["statistics"] = np.tile(rows, 400)
        self.refused_result("a damaged result")

    def test_a_part_with_more_in_it_is_not_merged(self):
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_external(b"/etc/passwd", 0, 100)
        for group in "runs/000", "runs/000/a", "checksums/000", "checksums/input":
            purify(self.folder, {}, "--overwrite")
            with h5py.File(self.result, "r+") as file:
                h5py.h5d.create(
                    file[group].id,
                    b"leak",
                    h5py.h5t.NATIVE_UINT8,
                    h5py.h5s.create_simple((100,)),
                    plan,
                )
            self.assert_one_line(
                launch("merge", os.path.join(self.folder, "merged.h5"), self.result),
                2,
                f"result.h5: /{group} holds more than it does in a result",
            )
            self.assertEqual(
                [name for name in os.listdir(self.folder) if name.startswith("merged.h5")], []
            )

    def test_hostile_names_of_attacks_are_refused(self):
        """Where a name came twice, the count of links would hide what stands beside it."""
        for names in "a/a/clean", "a/./clean", "a//clean", "a/b\t/clean", "a/\x1b[31m/clean":
            with h5py.File(self.result, "r+") as file:
                file.attrs["attacks"] = names
            self.refused_result("a damaged result")

    def test_an_image_larger_than_memory_is_refused(self):
        purify(
            self.folder,
            {"input.limit": 1, "input.clean": "no", "input.attacks": "a"},
            "--overwrite",
        )
        with h5py.File(self.result, "r+") as file:
            del file["runs/000/a/images"]
            hole(file["runs/000/a"], "images", (1, 1, 16384, 16384))
        self.assertLess(os.stat(self.result).st_blocks * 512, 100000)
        quiet = self.peak("inspect", self.secret)[2]
        status, err, used = self.peak("check", self.result)
        self.assertEqual(status, 1, err)
        self.assertIn("damaged: 1 of 1 images", err)
        self.assertLess(used, quiet + 64 * PATIENCE)

    def test_counts_that_overflow_are_refused(self):
        with h5py.File(self.result, "r+") as file:
            rows = file["statistics"][...]
            rows["images"] = rows["fallbacks"] = 1 << 62
            file["statistics"][...] = rows
        finished = launch("inspect", self.result)
        self.assert_one_line(
            finished,
            2,
            "result.h5: a damaged result: /statistics counts more images than there are",
        )
        self.assertEqual(finished.out, "", finished)

    def test_a_rank_that_sees_another_file_is_told(self):
        """The other file has the same name.  It may be an older copy on a disk of that rank."""
        shutil.copy(self.result, os.path.join(self.folder, "other.h5"))
        purify(self.folder, {"run.block": 2}, "--overwrite")
        script = os.path.join(self.folder, "rank.sh")
        with open(script, "w") as file:
            file.write(
                f'[ "$OMPI_COMM_WORLD_RANK" = 0 ] ||\n'
                f"  mount --bind {self.folder}/other.h5 {self.result} || exit 99\n"
                f'exec {PROGRAM} "$@"\n'
            )
        if subprocess.run(
            ["unshare", "-m", "mount", "--bind", self.set, self.result], capture_output=True
        ).returncode:
            skip("no right to mount a file over another")
        for options in [], ["--set=run.writers=all"]:
            finished = subprocess.run(
                [
                    MPIRUN,
                    "-n",
                    "2",
                    "unshare",
                    "-m",
                    "bash",
                    script,
                    "run",
                    self.job,
                    "--resume",
                    "--set=run.verify=marks",
                    *options,
                ],
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
            )
            self.assertEqual(finished.returncode, 2, finished)
            self.assertIn("result.h5: another rank sees another file than rank 0", finished.stderr)


if __name__ == "__main__":
    unittest.main()
