"""A result over three parameters that several tests read with h5py alone."""

import csv
import functools
import os
import shutil
import tempfile
import unittest

from inputs import write_set
from support import DEMO_SET, DEMO_VICTIM, RunTest, need_victim, purify

import numpy as np
from barydef.hdf5 import open_file
from barydef.report import figures
from barydef.result import Result


ATTACKS = ["fgsm", "linf_pgd", "clean"]
# The demo's digits over two parameters and two numbers of iterations.
DIGITS_JOB = {
    "input.file": DEMO_SET,
    "victim.file": DEMO_VICTIM,
    "input.limit": 60,
    "solver.tau": 0.2,
    "solver.iterations": "10, 50",
    "sweep.solver.gamma": "0.05, 0.5, 2",
    "sweep.solver.theta": "1e5, 10",
}


def write_digits(path, count):
    """Write the first digits of the demo. One image of linf_pgd is NaN, so that it fails."""
    with open_file(DEMO_SET) as file:
        stacks = {attack: file[f"attacks/{attack}/images"][:count] for attack in ATTACKS[:2]}
        stacks["linf_pgd"][3] = np.nan
        return write_set(path, stacks, file["clean/images"][:count], file["labels"][:count])


def rows_of(path):
    with open(path) as file:
        return list(csv.DictReader(file))


class Sweep(RunTest):
    """A result over three parameters, whose runs are read here with h5py alone."""

    @staticmethod
    @functools.cache
    def made():
        """(set, result), made once for all classes."""
        folder = tempfile.mkdtemp(prefix="barydef-")
        unittest.addModuleCleanup(shutil.rmtree, folder)
        return write_digits(os.path.join(folder, "set.h5"), 60), purify(
            folder,
            {
                "victim.file": DEMO_VICTIM,
                "solver.iterations": "10, 50",
                "sweep.solver.gamma": "0.05, 2",
                "sweep.marginals.set": "B4, B6",
            },
            status=3,
        )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.input, cls.path = cls.made()
        cls.result = Result(cls.path)
        cls.file = open_file(cls.path)
        cls.addClassCleanup(cls.file.close)
        cls.runs = sorted(cls.file["runs"])
        cls.addClassCleanup(figures.plt.close, "all")

    def right(self, run, attack, field):
        table = self.file[f"runs/{run}/{attack}/per_image"][:]
        return (table["status"] == 0) & (table[f"predicted_{field}"] == self.file["labels"][:])

    def percent(self, run, attack, field="purified"):
        """Of all images for the barycenter, of which a failed one is wrong.  Of another view, of
        those that the victim was shown."""
        if field == "purified":
            return 100 * np.mean(self.right(run, attack, field))
        table = self.file[f"runs/{run}/{attack}/per_image"][:]
        shown = table[f"predicted_{field}"] >= 0
        return 100 * np.mean((table[f"predicted_{field}"] == table["label"])[shown])

    def mean(self, run, field="purified"):
        return np.mean([self.percent(run, attack, field) for attack in ATTACKS[:2]])

    def having(self, **wanted):
        """Runs with these values."""

        def same(run, name, value):
            stored = self.file[f"runs/{run}"].attrs[name.replace("_", ".", 1)]
            return stored.decode() == value if isinstance(stored, bytes) else stored == float(value)

        return [
            run
            for run in self.runs
            if all(same(run, name, value) for name, value in wanted.items())
        ]
