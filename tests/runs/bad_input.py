"""Cases of bad jobs, sets and victims, and how each of them must end."""

import os
import re
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import h5py

from inputs import random_images, write_set, write_victim
from support import BASE, RunTest, folder_contents, job_text, launch


IMAGES = random_images(6, 2, 7, 9)


def whole_text(job):
    """INI text of BASE with these changes."""
    return job_text({name: value for name, value in {**BASE, **job}.items() if value is not None})


Case = namedtuple("Case", "name ranks folder words options")


def attempt(case):
    """Runs the job of a case.  Returns how it ended, what it left behind, and what it changed."""
    before = folder_contents(case.folder)
    finished = launch("run", os.path.join(case.folder, "job.ini"), *case.options, ranks=case.ranks)
    after = folder_contents(case.folder)
    return (
        finished,
        sorted(set(after) - set(before)),
        [name for name in before if before[name] != after.get(name)],
    )


class BadInput(RunTest):
    """Every case has a folder of its own, whose good set.h5 and old.h5 must stay as they are."""

    def make(self, name, ranks=0):
        folder = os.path.join(
            self.folder, f"{re.sub(r'[^a-z0-9]', '_', name)}-{ranks}-{len(os.listdir(self.folder))}"
        )
        os.makedirs(os.path.join(folder, "folder"))
        write_set(os.path.join(folder, "set.h5"), {"a": IMAGES, "b": IMAGES}, clean=IMAGES)
        with open(os.path.join(folder, "old.h5"), "w") as file:
            file.write("what was here before\n")
        return folder

    def case(self, name, job, words, *options, ranks=0, change=None, victim=None):
        """A folder with a job (INI text, or changes of BASE), a set.h5 that is changed, and a
        victim."""
        folder = self.make(name, ranks)
        with open(os.path.join(folder, "job.ini"), "w") as file:
            file.write(job if isinstance(job, str) else whole_text(job))
        if change:
            with h5py.File(os.path.join(folder, "set.h5"), "r+") as file:
                change(file)
        if victim is not None:
            write_victim(os.path.join(folder, "victim.pt"), *victim)
        return Case(name, ranks, folder, words, options)

    def data_case(self, name, file_name, data, job):
        """A case in which one file is these bytes."""
        case = self.case(name, job, [file_name])
        with open(os.path.join(case.folder, file_name), "wb") as file:
            file.write(data)
        return case

    def refused(self, cases):
        """Each case ends with status 2 and one line with its words, and writes nothing."""
        cases = list(cases)
        self.assertGreater(len(cases), 0)
        with ThreadPoolExecutor(2) as pool:
            for case, (finished, left, changed) in zip(cases, pool.map(attempt, cases)):
                with self.subTest(case.name, ranks=case.ranks):
                    self.check_line(finished, case.words)
                with self.subTest(f"{case.name}: files", ranks=case.ranks):
                    self.assertEqual(
                        (left, changed), ([], []), f"left behind, and changed, by\n{finished}"
                    )

    def check_line(self, finished, words):
        self.assertEqual(finished.status, 2, finished)
        self.assertEqual(len(finished.err_lines), 1, finished)
        self.assertTrue(finished.err_lines[0].startswith("barydef: "), finished)
        self.assertEqual(finished.out, "", finished)
        for word in words:
            self.assertIn(word, finished.err_lines[0], finished)
