"""Job files are read however people write them, and their paths start at the file."""

import os
import shutil
import unittest

import h5py

from command_line import CommandLine
from inputs import write_victim
from results import contents
from support import BASE, folder_contents, job_text, need_victim, purify


class JobFiles(CommandLine):
    def test_paths_are_relative_to_the_job_file(self):
        deep = os.path.join(self.folder, "a folder", "jobs")
        os.makedirs(deep)
        with open(os.path.join(deep, "job.ini"), "w") as file:
            file.write(
                job_text({**BASE, "input.file": "../../set.h5", "output.file": "../deep.h5"})
            )
        for start, path, options, written in [
            (self.folder, os.path.join("a folder", "jobs", "job.ini"), [], "deep.h5"),
            (deep, "job.ini", [], "deep.h5"),
            (deep, "./job.ini", [], "deep.h5"),
            ("/", os.path.join(deep, "job.ini"), [], "deep.h5"),
            (
                os.path.dirname(deep),
                "jobs/../jobs/job.ini",
                ["--set", "output.file=jobs.h5"],
                os.path.join("jobs", "jobs.h5"),
            ),
        ]:
            with self.subTest(path, start=start):
                written = os.path.join(self.folder, "a folder", written)
                before = set(folder_contents(self.folder)) - {written}
                self.succeed(
                    "run", path, "--overwrite", *options, folder=start, ranks=0 if options else 2
                )
                self.assertEqual(set(folder_contents(self.folder)) - before, {written})
                same, first = (
                    {
                        name: item
                        for name, item in contents(path).items()
                        if not name.endswith(("@input.file", "@attributes_checksum"))
                    }
                    for path in (written, self.result)
                )
                self.assert_same(same, first)

    def test_the_job_of_a_result_is_a_job(self):
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {
            "solver.iterations": "1, 3",
            "sweep.solver.gamma": "0.2, 0.4",
            "solver.weights": "1 2 0.5",
            "marginals.set": "identity + rotate -2.5 + translate 0.5 -1",
            "victim.file": "victim.pt",
            "input.attacks": "slow, fast",
            "input.limit": 5,
        }
        first = purify(self.folder, job, "--set", "baseline.blur_sigma=0.75", output="job-first.h5")
        with h5py.File(first, "r") as file:
            text = file.attrs["job"].decode()
        again = purify(
            self.folder,
            text,
            "--set",
            "output.file=job-again.h5",
            output="job-again.h5",
            name="again.ini",
        )
        self.assert_same(contents(first), contents(again))
        with h5py.File(again, "r") as file:
            self.assertEqual(
                file.attrs["job"].decode(), text.replace("job-first.h5", "job-again.h5")
            )

    def test_job_files_are_read_as_people_write_them(self):
        text = job_text(BASE)
        for name, written in [
            ("carriage returns", text.replace("\n", "\r\n")),
            (
                "comments",
                "; a job\n# of ours\n\n" + text.replace("\n", " ; as always\n", 3) + "\n; the end",
            ),
            ("blanks", text.replace(" = ", "  =\t").replace("gamma", "   gamma")),
            ("no blanks", text.replace(" = ", "=")),
            ("no line end", text.rstrip("\n")),
            ("byte order mark", "\ufeff" + text),
            ("a section in two parts", text + "\n[input]\nattacks = all\n"),
            (
                "a long line",
                f"{text}\n[marginals]\n"
                f"set = identity + rotate {2:.20f} + rotate {-2:.20f} + rotate {3:.20f}"
                f"{' ' * 300}+ rotate {-3:.20f} + translate {3:.20f} {0:.20f}\n",
            ),
        ]:
            with self.subTest(name):
                path = purify(
                    self.folder,
                    written,
                    "--overwrite",
                    "--set",
                    "output.file=people.h5",
                    output="people.h5",
                )
                same, first = (
                    {
                        key: item
                        for key, item in contents(result).items()
                        if not key.endswith(("@marginals.set", "@attributes_checksum"))
                    }
                    for result in (path, self.result)
                )
                self.assert_same(same, first)

    def test_unusual_paths_are_read(self):
        for name in ["with blank.h5", "semicolon;.h5", "#hash.h5", "per%cent=.h5", "umläut.h5"]:
            with self.subTest(name):
                shutil.copy(os.path.join(self.folder, "set.h5"), os.path.join(self.folder, name))
                path = purify(
                    self.folder,
                    {},
                    "--overwrite",
                    "--set",
                    f"input.file={name}",
                    output="unusual.h5",
                )
                with h5py.File(path, "r") as file:
                    self.assertEqual(os.path.basename(file.attrs["input_file"].decode()), name)


if __name__ == "__main__":
    unittest.main()
