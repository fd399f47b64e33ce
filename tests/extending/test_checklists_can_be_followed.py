"""The checklists of docs/extending.md can be followed.  Each patch is what one of them asks for.

Patches must apply to the tree as it is.  The long form also applies them all to a copy, which it
builds and runs."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import h5py
import numpy as np

import support

PATCHES = pathlib.Path(__file__).resolve().parent


def apply(patch, tree, *options):
    # A tree within another repository is treated as one that is in none.
    return subprocess.run(
        ["git", "apply", *options, PATCHES / f"{patch}.patch"],
        cwd=tree,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_DIR": os.devnull},
    )


class Checklists(support.RunTest):
    def test_patches_fit_the_tree(self):
        for path in sorted(PATCHES.glob("*.patch")):
            with self.subTest(path.stem):
                finished = apply(path.stem, support.SOURCE, "--check")
                self.assertEqual((finished.returncode, finished.stderr), (0, ""))

    def built(self):
        """A copy of the tree with all patches, built once."""
        if not support.LONG:
            self.skipTest("REDUCED: no patch is built; --long builds and runs them")
        tree = os.path.join(self.folder, "tree")
        if os.path.exists(tree):
            return tree
        shutil.copytree(support.SOURCE, tree, ignore=shutil.ignore_patterns("build", ".git"))
        for path in sorted(PATCHES.glob("*.patch")):
            finished = apply(path.stem, tree)
            self.assertEqual((finished.returncode, finished.stderr), (0, ""))
        self.call(tree, sys.executable, "tests/lint/tables.py", "--write")
        self.call(tree, "cmake", "--preset", "release", "-Wno-dev")
        targets = "barydef-program", "barydef", "twin", "twin_double", "test_costs"
        self.call(tree, "cmake", "--build", "build", "-j2", "--target", *targets)
        return tree

    def call(self, tree, *command, **environment):
        finished = subprocess.run(
            command,
            cwd=tree,
            capture_output=True,
            text=True,
            env={**support.ENVIRONMENT, **environment},
        )
        self.assertEqual(finished.returncode, 0, finished.stdout[-4000:] + finished.stderr[-4000:])
        return finished.stdout

    def run_demo(self, tree, *settings):
        """The path of the result of a few images of the demo."""
        path = os.path.join(tree, f"{self._testMethodName}.h5")
        settings = [f"output.file={path}", "input.limit=4", "victim.file=", *settings]
        options = [option for setting in settings for option in ("--set", setting)]
        self.call(tree, "build/barydef", "run", "jobs/demo.ini", *options)
        return path

    def test_cost_agrees_with_80_bits(self):
        tree = self.built()
        self.call(tree, "build/tests/test_costs")
        tests = os.path.join(tree, "tests")
        self.call(
            tree,
            sys.executable,
            "tests/reference/test_grid_agrees_with_80_bits.py",
            "Grid.test_huber_3",
            BARYDEF_LIBRARY=os.path.join(tree, "build", "libbarydef.so"),
            BARYDEF_TWIN=os.path.join(tree, "build", "tests"),
            BARYDEF_LONG="",
            PYTHONPATH=f"{tests}/runs:{tests}/reference",
        )
        path = self.run_demo(tree, "solver.cost=huber", "solver.gamma=0.5")
        with h5py.File(path) as result:
            self.assertEqual(result["runs/000"].attrs["solver.cost"], b"huber")
            for attack in result["runs/000"].values():
                self.assertTrue((attack["per_image"]["status"] == 0).all())

    def test_field_is_in_tables_and_statistics(self):
        path = self.run_demo(self.built())
        with h5py.File(path) as result, h5py.File(support.DEMO_SET) as inputs:
            for row in result["statistics"]:
                attack = row["attack"].decode()
                group = inputs["clean"] if attack == "clean" else inputs["attacks"][attack]
                attacked = group["images"][:4].astype(float)
                purified = result["runs/000"][attack]["images"][:].astype(float)
                found = result["runs/000"][attack]["per_image"]["l1_to_attacked"]
                wanted = np.abs(purified - attacked).sum(axis=(1, 2, 3))
                np.testing.assert_allclose(found, wanted, rtol=1e-12)
                self.assertAlmostEqual(row["l1_to_attacked_mean"], wanted.mean(), places=9)
                self.assertAlmostEqual(row["l1_to_attacked_max"], wanted.max(), places=9)

    def test_command_is_listed_and_runs(self):
        tree = self.built()
        self.assertIn("barydef limits ", self.call(tree, "build/barydef", "--help"))
        self.assertIn("attacks 1000\n", self.call(tree, "build/barydef", "limits"))


if __name__ == "__main__":
    unittest.main()
