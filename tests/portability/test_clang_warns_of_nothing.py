"""clang compiles the library and the program without a warning, with the flags of this build.

Its build gives the demo's images, predictions and accuracies bit for bit.  CLANG names the compiler
(default: clang)."""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import unittest

import support
from results import contents

CLANG = os.environ.get("CLANG", "clang")
# What a build by clang has besides.
MORE = os.environ.get("BARYDEF_CLANG_OPTIONS", "").split(";")
BUILD = pathlib.Path(support.PROGRAM).parent
ROOMS = f"{support.SOURCE}/src/"


def commands():
    """(object, options, source) of each source in C of library and program, as this build compiles
    it."""
    with open(BUILD / "compile_commands.json") as file:
        for entry in json.load(file):
            if entry["file"].startswith(ROOMS) and entry["file"].endswith(".c"):
                words = shlex.split(entry["command"])
                words = [word for word in words if not word.startswith("--param=")]  # gcc's own
                first = next(i for i, word in enumerate(words) if word.startswith("-"))
                at = words.index("-o")
                yield words[at + 1], words[first:at], entry["file"]


def look_at(options, source):
    return subprocess.run(
        [CLANG, "-Werror", "-fsyntax-only", *options, *filter(None, MORE), source],
        cwd=BUILD,
        capture_output=True,
        text=True,
    )


class Clang(support.RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which(CLANG):
            support.skip(f"{CLANG} is not installed")

    def test_no_source_has_a_warning(self):
        names, options, sources = zip(*commands())
        self.assertGreater(len(names), 100)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, finished in zip(names, pool.map(look_at, options, sources)):
                with self.subTest(name):
                    self.assertEqual((finished.returncode, finished.stderr), (0, ""))

    def test_a_warning_would_be_seen(self):
        """A sign conversion, in a source that the flags of the build are given for."""
        path = os.path.join(self.folder, "wrong.c")
        with open(path, "w") as file:
            file.write("unsigned f(int i);\nunsigned f(int i) { return i * 2u + i; }\n")
        finished = look_at(next(commands())[1], path)
        self.assertNotEqual(finished.returncode, 0)
        self.assertIn("-Wsign-conversion", finished.stderr)

    def test_its_build_gives_the_same_images(self):
        build = os.path.join(self.folder, "build")
        options = f"-DCMAKE_C_COMPILER={CLANG}", "-DBARYDEF_WERROR=ON", "-DBUILD_TESTING=OFF"
        for command in (
            ("cmake", "-S", support.SOURCE, "-B", build, "-Wno-dev", *options),
            ("cmake", "--build", build, "-j2"),
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        results = []
        for program in support.PROGRAM, os.path.join(build, "barydef"):
            results.append(os.path.join(self.folder, f"{len(results)}.h5"))
            job = os.path.join(support.SOURCE, "jobs", "demo.ini")
            done = subprocess.run(
                [program, "run", job, "--quiet", "--set", f"output.file={results[-1]}"],
                env=support.ENVIRONMENT,
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
        ours, others = map(contents, results)
        differing = {name for name in ours.keys() | others.keys() if ours[name] != others[name]}
        # It fuses a sum of the objective otherwise, whose last bits are in records and checksums.
        rounded = re.compile(r"checksums/|.*/per_image(\.objective)?$")
        self.assertEqual([name for name in differing if not rounded.match(name)], [])


if __name__ == "__main__":
    unittest.main()
