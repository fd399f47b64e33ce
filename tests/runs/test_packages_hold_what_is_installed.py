"""The .deb and the .tar.gz that CPack makes of the built tree hold what cmake --install installs.
The .tar.gz runs wherever it is unpacked.  With --long the .deb is installed into a new Debian."""

import os
import re
import shutil
import subprocess
import unittest

from results import contents
from support import (
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    LONG,
    MPIRUN,
    PATIENCE,
    PROGRAM,
    SOURCE,
    RunTest,
    purify,
    skip,
)

BUILD = os.path.dirname(PROGRAM)
HELD = (
    "bin/barydef",
    "include/barydef/barydef.h",
    "share/barydef/jobs/demo.ini",
    "share/barydef/jobs/demo/digits.h5",
    "share/barydef/slurm/submit.sh",
    "share/bash-completion/completions/barydef",
    "share/doc/barydef/LICENSE",
    "share/doc/barydef/docs/cluster.md",
    "share/man/man1/barydef.1",
)
VICTIM = "libbarydef-victim.so"


def run(*command, **named):
    """What a command prints; it must succeed, and keep its warnings to itself."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600 * PATIENCE, **named)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Packages(RunTest):
    def package(self, generator):
        """The package that CPack makes, which is the only file it leaves."""
        out = os.path.join(self.folder, generator)
        config = os.path.join(BUILD, "CPackConfig.cmake")
        run("cpack", "-G", generator, "--config", config, "-B", out)
        (name,) = [name for name in os.listdir(out) if name.endswith((".deb", ".tar.gz"))]
        return os.path.join(out, name)

    def expect_held(self, names):
        """These names, relative to the prefix, are all that there should be of each kind."""
        names = [name.rstrip("/") for name in names]
        self.assertEqual([one for one in HELD if one not in names], [])
        libraries = {os.path.basename(name) for name in names if ".so" in name}
        version = run(PROGRAM, "--version").split()[1]
        expected = {"libbarydef.so", "libbarydef.so.0", f"libbarydef.so.{version}"}
        expected.add("libbarydef-core.so")  # of the Python package
        if os.path.exists(os.path.join(BUILD, VICTIM)):
            expected.add(VICTIM)
        self.assertEqual(libraries, expected)
        modules = os.path.join(SOURCE, "analysis", "barydef")
        for folder, _, files in os.walk(modules):
            for name in files:
                if name.endswith(".py"):
                    path = os.path.relpath(os.path.join(folder, name), os.path.dirname(modules))
                    self.assertTrue(any(one.endswith(f"/{path}") for one in names), path)
        self.assertEqual([name for name in names if "__pycache__" in name], [])

    def without_paths(self, found):
        """What a result holds, less the names of its input and victim, which lie elsewhere."""
        paths = "@attributes_checksum", "@input.file", "@victim.file"
        return {name: value for name, value in found.items() if not name.endswith(paths)}

    def test_deb_says_what_it_needs(self):
        for tool, package in ("dpkg-shlibdeps", "dpkg-dev"), ("file", "file"):
            if not shutil.which(tool):
                skip(f"{tool} is not installed (Debian: {package})")
        deb = self.package("DEB")
        listed = re.findall(r" \./usr/(\S+)", run("dpkg-deb", "--contents", deb))
        self.expect_held(listed)
        folder = run("/usr/bin/python3", os.path.join(SOURCE, "cmake", "site_folder.py"), "/usr")
        self.assertIn(f"{folder.strip()}/barydef/__init__.py", listed)
        needed = run("dpkg-deb", "--field", deb, "Depends")
        libraries = ["libc6", "libhdf5-", "libfftw3-", "libinih", "libxxhash", "libdeflate"]
        if VICTIM in " ".join(listed):
            libraries += ["libtorch", "libstdc++6"]
        for library in libraries:
            self.assertRegex(needed, rf"(^|, ){re.escape(library)}")
        self.assertRegex(needed, r"(^|, )(openmpi-bin|mpich)\b")
        self.assertIn("python3-h5py", run("dpkg-deb", "--field", deb, "Recommends"))
        if not LONG:
            print("REDUCED: the .deb is installed into a new Debian by tests/run.sh --long")
            return
        if os.getuid() != 0 or not shutil.which("debootstrap"):
            skip("a new Debian takes root and debootstrap")
        script = os.path.join(SOURCE, "tests", "runs", "deb_in_new_debian.sh")
        run("bash", script, deb, os.path.join(self.folder, "debian"))

    def test_archive_runs_wherever_it_is_unpacked(self):
        archive = self.package("TGZ")
        here = os.path.join(self.folder, "some where")
        os.makedirs(here)
        run("tar", "-xzf", archive, "-C", here)
        (top,) = os.listdir(here)
        tree = os.path.join(self.folder, "moved")
        os.rename(os.path.join(here, top), tree)
        self.expect_held(
            os.path.relpath(os.path.join(folder, name), tree)
            for folder, _, files in os.walk(tree)
            for name in files
        )
        for name in "bin/barydef", "lib/libbarydef.so":
            (path,) = re.findall(r"RUNPATH.*\[(.*)\]", run("readelf", "-d", f"{tree}/{name}"))
            self.assertTrue(path.startswith("$ORIGIN"), path)
            self.assertNotIn(BUILD, path)
        program = os.path.join(tree, "bin", "barydef")
        self.assertEqual(run(program, "--version"), run(PROGRAM, "--version"))
        job = os.path.join(tree, "share", "barydef", "jobs", "demo.ini")
        result = os.path.join(os.path.dirname(job), "demo-result.h5")  # as the job says
        few = ["input.limit=4", "solver.iterations=20"]
        run(
            *(MPIRUN, "-n", "2", program, "run", job, "--quiet"),
            *(part for one in few for part in ("--set", one)),
            env=ENVIRONMENT,
            cwd="/",
        )
        values = dict(one.split("=") for one in few)
        values.update({"input.file": DEMO_SET, "marginals.set": "B6", "solver.gamma": 0.02})
        if os.path.exists(os.path.join(BUILD, VICTIM)):
            values["victim.file"] = DEMO_VICTIM
        built = purify(self.folder, values, output="built.h5", ranks=1)
        self.assert_same(*(self.without_paths(contents(one)) for one in (result, built)))


if __name__ == "__main__":
    unittest.main()
