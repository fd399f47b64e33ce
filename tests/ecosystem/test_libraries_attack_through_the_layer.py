"""Foolbox, ART and torchattacks take barydef.torch.Purify, and its exact gradient leads them on.

recipes.py runs what docs/python.md says, in an environment that has the libraries."""

import json
import os
import re
import unittest

import numpy as np
from environments import FOOLBOX, environment, install_or_skip, run
from pages import code
from support import SOURCE, RunTest, need

# The versions that were tried, and what they import beside that which Debian's torch comes with.
PACKAGES = (
    *FOOLBOX,
    *("adversarial-robustness-toolbox==1.20.1", "tqdm==4.67.1"),
    "torchattacks==3.5.1",
)
RECIPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recipes.py")


class Libraries(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("torch")
        cls.python = environment(cls.folder, "attacks", "--system-site-packages")
        install_or_skip(cls.python, "--no-deps", *PACKAGES)

    def attacked(self, library):
        done = run(self.python, RECIPES, library, env=dict(os.environ), cwd=SOURCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def check(self, library):
        found = self.attacked(library)
        print(
            f"{library}: {[found[name] for name in ('clean', 'bare', 'identity', 'exact', 'far')]}"
        )
        # What an attack knows of the purifier counts, and a larger ball leaves less.
        self.assertGreater(found["clean"], found["bare"])
        self.assertGreater(found["bare"], found["identity"])
        self.assertGreater(found["identity"], found["exact"])
        self.assertGreater(found["exact"], found["far"])
        # The gradient that the library took is that of the loss, or of the mean of all losses.
        self.assertEqual(found["without gradient"], 0)
        changes, promised = np.array(found["changes"]), np.array(found["promised"])
        self.assertTrue((changes > 0).all())
        scale = 1 if library == "Foolbox" else len(changes)
        np.testing.assert_allclose(promised * scale, changes, rtol=1e-3)

    def test_the_page_installs_what_was_tried(self):
        text = code("python.md", "Attack it with a library")
        named = set(re.findall(r"^pip install --no-deps(.*)$", text, re.MULTILINE))
        named = set(" ".join(named).split()) - {"."}
        self.assertEqual(named, {package.split("==")[0] for package in PACKAGES})

    def test_foolbox(self):
        self.check("Foolbox")

    def test_art(self):
        self.check("ART")

    def test_torchattacks(self):
        self.check("torchattacks")


if __name__ == "__main__":
    unittest.main()
