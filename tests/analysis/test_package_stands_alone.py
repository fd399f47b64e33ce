"""The package is found beside the program or installed, and loads only what a command needs."""

import os
import shutil
import subprocess
import sys
import unittest

from support import DEMO_SET, PROGRAM, SOURCE, RunTest, launch, purify

import barydef
from barydef import formats

PACKAGE_FOLDER = os.path.join(os.path.dirname(PROGRAM), "python")
# Without PYTHONPATH the program must find the package itself.
BARE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command, **environment):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**BARE, **environment}
    )


class Package(RunTest):
    def stub(self, text):
        """A stand-in for Python."""
        path = os.path.join(self.folder, "stub")
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)
        return path

    def refused(self, **environment):
        done = run(PROGRAM, "report", "none.h5", **environment)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done)
        return done.stderr

    def test_importing_it_loads_nothing_else(self):
        modules = "barydef, barydef.command_line, barydef.report, barydef.attack"
        code = (
            f"import {modules}, sys; "
            "print({'torch', 'matplotlib', 'h5py', 'numpy', 'mpi4py'} & set(sys.modules))"
        )
        done = run(sys.executable, "-c", code, PYTHONPATH=PACKAGE_FOLDER)
        self.assertEqual(done.stdout, "set()\n", done)

    def test_a_report_needs_no_torch(self):
        path = purify(self.folder, {"input.file": DEMO_SET, "input.limit": 4}, output="few.h5")
        code = (
            "import sys; sys.modules['torch'] = None; sys.argv = ['barydef', 'report', "
            "sys.argv[1]]; "
            "from barydef.command_line import main; main()"
        )
        done = run(sys.executable, "-c", code, path, PYTHONPATH=PACKAGE_FOLDER)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)

    def test_the_program_starts_it_with_the_arguments_as_they_are(self):
        odd = "a b;$(c)'.h5"
        done = run(PROGRAM, "report", odd)
        self.assertEqual(
            (done.returncode, done.stderr), (2, f"barydef: {odd}: no such file\n"), done
        )
        for name in "attack", "convert", "report":
            done = run(PROGRAM, name, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""), done)
            self.assertRegex(done.stdout, f"^usage: barydef {name} ")
            self.assertIn(f"barydef {name}", launch("--help").out)

    def test_a_package_in_the_current_folder_is_not_taken(self):
        os.makedirs(os.path.join(self.folder, "barydef"), exist_ok=True)
        for name in "barydef/__init__.py", "h5py.py":
            with open(os.path.join(self.folder, name), "w") as file:
                file.write("raise SystemExit(9)\n")
        done = subprocess.run(
            [PROGRAM, "report", "none.h5"],
            cwd=self.folder,
            env=BARE,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.stderr, "barydef: none.h5: no such file\n")

    def test_what_is_missing_is_named_in_one_line(self):
        self.assertIn(
            "report needs Python, and /none/python3 cannot be started: No such file",
            self.refused(BARYDEF_PYTHON="/none/python3"),
        )
        self.assertIn("needs Python: install python3", self.refused(BARYDEF_PYTHON="none"))
        for module, debian in ("h5py", "python3-h5py"), ("matplotlib", "python3-matplotlib"):
            site = os.path.join(self.folder, f"without-{module}")
            os.makedirs(site, exist_ok=True)
            with open(os.path.join(site, f"{module}.py"), "w") as file:
                file.write(f"raise ModuleNotFoundError('none', name='{module}')\n")
            said = self.refused(PYTHONPATH=site)
            self.assertRegex(said, rf"^barydef: .* has no module {module}: install {debian} \(Deb")
            self.assertIn(f"or {module} (pip)", said)

    def test_the_python_that_is_named_is_started(self):
        stub = self.stub('echo "$1"; exit 7')
        done = run(PROGRAM, "report", "x", BARYDEF_PYTHON=stub)
        self.assertEqual((done.returncode, done.stdout), (7, "-c\n"), done)
        done = run(
            PROGRAM, "report", "x", BARYDEF_PYTHON="stub", PATH=f"{self.folder}:/usr/bin:/bin"
        )
        self.assertEqual(done.returncode, 7, done)

    def test_without_the_package_beside_it_the_program_says_so(self):
        alone = shutil.copy(PROGRAM, os.path.join(self.folder, "barydef-alone"))
        done = run(alone, "report", "x", LD_LIBRARY_PATH=os.path.dirname(PROGRAM))
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done)
        self.assertIn("needs the Python package barydef, which is not beside", done.stderr)

    def test_version_and_limits_are_those_of_the_program(self):
        self.assertIn(f"barydef {barydef.__version__}\n", launch("--version").out)
        with open(os.path.join(SOURCE, "include", "barydef", "limits.h")) as file:
            text = file.read()
        for name, value in {
            "BD_ATTACKS_MAX": formats.ATTACKS_MAX,
            "BD_ATTRIBUTE_TEXT_MAX": formats.TEXT_BYTES,
            "BD_CHANNELS_MAX": formats.SIZES_MAX[0],
            "BD_SIDE_MAX": formats.SIZES_MAX[1],
            "BD_IMAGES_SCHEMA_VERSION": formats.SCHEMA_VERSION,
            "BD_IMAGES_SCHEMA": f'"{formats.INPUT_SCHEMA}"',
            "BD_RESULT_SCHEMA": f'"{formats.RESULT_SCHEMA}"',
        }.items():
            self.assertRegex(
                text, rf"\b{name}( =)? {value}\b" if isinstance(value, int) else rf"{name} {value}"
            )


if __name__ == "__main__":
    unittest.main()
