"""pip makes a wheel of the sources that purifies arrays where nothing else is installed."""

import os
import sys
import tarfile
import unittest
import zipfile

import numpy as np
from environments import environment, install_or_skip, pip, run
from support import LONG, SOURCE, RunTest

import barydef
from barydef import core

# What makes arrays of all ways of applying a kernel, and prints their bits.
BITS = """
import hashlib, numpy, barydef
x = numpy.random.default_rng(1).random((9, 1, 28, 28))
for more in {}, {"solver.window": "full"}, {"solver.kernel": "fftw", "solver.gamma": 2}:
    for instructions in INSTRUCTIONS:
        settings = {"solver.iterations": 20, "solver.instructions": instructions, **more}
        purify = barydef.Purifier(settings)
        bits = purify(x).tobytes() + purify.vjp(x, x[::-1].copy()).tobytes()
        print(hashlib.sha256(bits).hexdigest())
"""


def instructions_here():
    known = []
    for name in "baseline", "avx2", "avx512":
        try:
            barydef.Purifier({"solver.instructions": name})(np.ones((1, 1, 8, 8)))
        except ValueError:
            continue
        known.append(name)
    return known


class Wheel(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.builder = environment(cls.folder, "builder")
        install_or_skip(cls.builder, "scikit-build-core")
        made = os.path.join(cls.folder, "made")
        code = "import scikit_build_core.build as b, sys; print(b.build_sdist(sys.argv[1]))"
        done = run(cls.builder, "-c", code, made, cwd=SOURCE)
        assert done.returncode == 0, done
        cls.sdist = os.path.join(made, done.stdout.split()[-1])
        built = []
        if not LONG:
            print("REDUCED: the wheel takes this build's numerics; --long compiles them by pip")
            built = [
                "--config-settings",
                f"cmake.define.BARYDEF_CORE_LIBRARY={core.load()._name}",
            ]
        pip(cls.builder, "wheel", "--no-deps", "-w", made, *built, cls.sdist)
        (name,) = [name for name in os.listdir(made) if name.endswith(".whl")]
        cls.wheel = os.path.join(made, name)

    def test_sources_hold_what_is_compiled_and_no_more(self):
        with tarfile.open(self.sdist) as archive:
            tops = {name.split("/")[1] for name in archive.getnames()}
        self.assertLessEqual({"CMakeLists.txt", "cmake", "src", "include", "analysis"}, tops)
        self.assertFalse({"tests", "jobs", "build", "slurm", ".ci"} & tops, tops)

    def test_wheel_holds_the_package_and_its_library(self):
        with zipfile.ZipFile(self.wheel) as archive:
            names = archive.namelist()
        self.assertIn("barydef/libbarydef-core.so", names)
        self.assertRegex(self.wheel, r"barydef-[0-9.]+-py3-none-linux_\w+\.whl$")
        package = os.path.join(SOURCE, "analysis")
        for folder, _, files in os.walk(os.path.join(package, "barydef")):
            for name in files:
                if name.endswith(".py"):
                    self.assertIn(os.path.relpath(os.path.join(folder, name), package), names)

    def test_an_empty_environment_purifies_the_same_bits(self):
        python = environment(self.folder, "empty")
        pip(python, "install", "--no-deps", "--no-index", self.wheel)
        pip(python, "install", "--only-binary", ":all:", "numpy")
        code = f"INSTRUCTIONS = {instructions_here()}\n{BITS}"
        expected = run(sys.executable, "-c", code, env=dict(os.environ))
        self.assertEqual(expected.returncode, 0, expected)
        # Without compiler, and with no library but those of the system itself.
        found = run(python, "-c", code, env={"PATH": "/none"}, cwd=self.folder)
        self.assertEqual((found.stdout, found.stderr), (expected.stdout, ""))
        maps = f"{code}\nprint([l for l in open('/proc/self/maps') if 'fftw' in l][0].split()[-1])"
        used = run(python, "-c", maps, cwd=self.folder).stdout.split()[-1]
        self.assertIn("/empty/", used)
        done = run(python, "-m", "barydef", "report", "none.h5")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done)
        self.assertIn("has no module h5py: install", done.stderr)

    def test_its_commands_start(self):
        python = environment(self.folder, "commands", "--system-site-packages")
        pip(python, "install", "--no-deps", "--no-index", self.wheel)
        done = run(python, "-m", "barydef", "report", "none.h5")
        self.assertEqual((done.returncode, done.stderr), (2, "barydef: none.h5: no such file\n"))
        code = "import barydef.report.make as make; print(make.__file__)"
        file = run(python, "-c", code).stdout.strip()
        self.assertTrue(os.path.realpath(file).startswith(os.path.realpath(self.folder)), file)


if __name__ == "__main__":
    unittest.main()
