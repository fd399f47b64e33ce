"""jobs/demo.sh on a small set, in a folder of its own, ends with its table or where a step fails.
It goes on where nothing may be installed.

Stand-ins replace what installs and builds.  barydef and the report are the real ones, except where
they are told to fail."""

import os
import shutil
import subprocess
import unittest

import h5py

from support import DEMO_SET, ENVIRONMENT, PATIENCE, PROGRAM, SOURCE, RunTest, need_victim

# Where FAIL is in its command line, barydef ends with status 5, and it runs no other job.  REPORT
# is run instead of the report.
STANDINS = {
    "dpkg-query": 'echo "${PACKAGES:-installed}"\n',
    "cmake": 'echo "cmake $1 $2"\necho "$*" >>"$(dirname "$0")/asked"\nexit "${CMAKE_STATUS:-0}"\n',
    "sudo": "exit 9\n",
    "apt-get": "exit 9\n",
    "../build/barydef": 'if [ "$1" = report ] && [ -n "${REPORT-}" ]; then\n'
    '  eval "$REPORT"; exit\nfi\n'
    'case "$*" in *${FAIL-/}*) ;; *) exit 0 ;; esac\n'
    f'[ -z "${{FAIL-}}" ] || exit 5\nexec "{PROGRAM}" "$@"\n',
}


class Demo(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = os.path.join(cls.folder, "my clone")
        for name in "build", "bin", "jobs/demo":
            os.makedirs(os.path.join(cls.tree, name))
        for name in "demo.sh", "demo.ini", "demo-fftw.ini", "demo-sweep.ini", "demo/victim.pt":
            shutil.copy(os.path.join(SOURCE, "jobs", name), os.path.join(cls.tree, "jobs", name))
        shutil.copytree(os.path.join(SOURCE, "cmake"), os.path.join(cls.tree, "cmake"))
        for name, text in STANDINS.items():
            cls.write(os.path.join("bin", name), f"#!/bin/sh\n{text}")
            os.chmod(os.path.join(cls.tree, "bin", name), 0o755)
        with h5py.File(DEMO_SET) as whole, h5py.File(
            os.path.join(cls.tree, "jobs", "demo", "digits.h5"), "w"
        ) as file:
            file.attrs.update(whole.attrs)
            for name in [
                "labels",
                "clean/images",
                *(f"attacks/{attack}/images" for attack in whole["attacks"]),
            ]:
                file[name] = whole[name][:20]
            for attack in whole["attacks"]:
                file[f"attacks/{attack}"].attrs.update(whole[f"attacks/{attack}"].attrs)

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.tree, name), "w") as file:
            file.write(text)

    def demo(self, *arguments, **environment):
        self.write(os.path.join("bin", "asked"), "")
        environment = {
            **ENVIRONMENT,
            "PATH": os.path.join(self.tree, "bin") + ":" + ENVIRONMENT["PATH"],
            **environment,
        }
        return subprocess.run(
            ["bash", os.path.join(self.tree, "jobs", "demo.sh"), *arguments],
            capture_output=True,
            text=True,
            timeout=300 * PATIENCE,
            env=environment,
            cwd="/",
        )

    def test_demo_ends_with_the_table_and_the_report(self):
        need_victim()
        done = self.demo()
        self.assertEqual(done.returncode, 0, done)
        heads = [
            done.stdout.index(f"(jobs/{job}.ini)\n") for job in ("demo-fftw", "demo", "demo-sweep")
        ]
        self.assertEqual(heads, sorted(heads))
        table, _, page = done.stdout[heads[-1] :].rpartition("\n\nreport of this sweep: ")
        page = page.rstrip("\n")
        self.assertEqual(os.path.basename(page), "report.html")
        self.assertTrue(
            os.path.samefile(
                os.path.dirname(page), os.path.join(self.tree, "build", "demo-sweep-result-report")
            )
        )
        with open(page) as file:
            self.assertIn("<img src='data:image/png;base64,", file.read())
        rows = [line.split(" | ") for line in table.split("\n\n")[-1].split("\n")]
        self.assertEqual(
            [row[0] for row in rows],
            [
                "| run",
                "|---|---|---|---|---|---|---|---|---|",
                "| attacked",
                "| 8 bits",
                "| blurred",
                "| mean of marginals",
                *(f"| {run:03d}" for run in range(8)),
            ],
        )
        with h5py.File(os.path.join(self.tree, "build", "demo-sweep-result.h5")) as file:
            last = file["statistics"][-1]
        clean = rows[0].index("clean")
        self.assertEqual(
            (rows[-1][clean], last["attack"]),
            (f"{100 * last['barycenter_accuracy']:.1f}", b"clean"),
        )

    def failing(self, status, **environment):
        done = self.demo(**environment)
        self.assertEqual(done.returncode, status, done)
        self.assertNotIn("report of this sweep", done.stdout)
        return done

    def test_demo_ends_where_a_step_fails(self):
        self.assertIn(
            "cmake --preset release\n", self.failing(1, CMAKE_STATUS="4").stdout
        )  # its log is shown
        jobs = [f"/{job}.ini)" for job in ("demo-fftw", "demo", "demo-sweep")]
        for at, job in enumerate(jobs):
            with self.subTest(job=job):
                shown = self.failing(5, FAIL=job[:-1]).stdout
                self.assertEqual(
                    [one in shown for one in jobs], [before <= at for before in range(3)]
                )
        for status, report in (7, "exit 7"), (1, "echo /none/report.html"):  # fails; made nothing
            with self.subTest(report=report):
                self.failing(status, FAIL="none of them", REPORT=report)

    def test_a_tree_that_is_built_is_not_compiled_again(self):
        """Another BARYDEF_WERROR than the tree has would do that."""
        cache = os.path.join(self.tree, "build", "CMakeCache.txt")
        for value, kept in ("OFF", True), ("ON", False):
            self.write(cache, f"BARYDEF_WERROR:BOOL={value}\n")
            try:
                done = self.demo(FAIL="none of them", REPORT="exit 7")
            finally:
                os.remove(cache)
            self.assertIn(f"building in {os.path.dirname(cache)}\n", done.stdout)
            self.assertEqual("-DBARYDEF_WERROR=OFF" in self.asked_of_cmake()[0], kept)

    def test_tests_are_built_where_a_user_left_them_out(self):
        """Or tests/run.sh would find none, and pass."""
        for target, built in ("", True), ("target=product; ", False):
            self.write(os.path.join("bin", "asked"), "")
            setup = f"{target}source '{self.tree}/cmake/setup.sh'"
            path = os.path.join(self.tree, "bin") + ":" + ENVIRONMENT["PATH"]
            subprocess.run(["bash", "-c", setup], check=True, env={**ENVIRONMENT, "PATH": path})
            self.assertEqual("-DBUILD_TESTING=ON" in self.asked_of_cmake()[0], built)

    def asked_of_cmake(self):
        """What it was told to configure and to build."""
        path = os.path.join(self.tree, "bin", "asked")
        with open(path) as file:
            lines = file.read().split("\n")
        return lines[0].split(), lines[1].split()

    def without_apt(self):
        """A PATH of all there is on the usual one but apt-get and dpkg-query."""
        folder = os.path.join(self.folder, "without apt")
        os.makedirs(folder)
        for place in os.path.join(self.tree, "bin"), "/usr/bin", "/bin":
            for name in (
                set(os.listdir(place)) - set(os.listdir(folder)) - {"apt-get", "dpkg-query"}
            ):
                os.symlink(os.path.join(place, name), os.path.join(folder, name))
        return folder

    def test_goes_on_with_what_is_there(self):
        """Nothing is installed: apt-get would fail."""
        folder = os.path.join(self.tree, "build")
        report = f"echo words >'{folder}/runs.md'; echo '{folder}/report.html'"
        quick = {"FAIL": "none of them", "REPORT": report}
        with open(os.path.join(SOURCE, "cmake", "packages.txt")) as file:
            packages = " ".join(line for line in file.read().split("\n") if line[:1] != "#").strip()
        self.demo(**quick)
        configure, build = self.asked_of_cmake()
        self.assertIn("-DBARYDEF_VICTIM=ON", configure)
        self.assertEqual(build[-2:], ["--target", "product"])
        self.assertNotIn("-DBARYDEF_WERROR=OFF", configure)
        done = self.demo("--no-install", PACKAGES="not", **quick)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"not installed, as --no-install says: {packages}\n", done.stdout)
        configure, _ = self.asked_of_cmake()
        self.assertIn("-DBARYDEF_VICTIM=AUTO", configure)
        self.write(os.path.join("bin", "id"), "#!/bin/sh\necho 1000\n")  # no root
        os.chmod(os.path.join(self.tree, "bin", "id"), 0o755)
        try:
            done = self.demo(PACKAGES="not", **quick)
        finally:
            os.remove(os.path.join(self.tree, "bin", "id"))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"not installed, which takes root or sudo: {packages}\n", done.stdout)
        self.assertEqual(self.demo(PACKAGES="not", **quick).returncode, 9)  # apt-get's
        done = self.demo(PATH=self.without_apt(), **quick)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("nothing is installed, as there is no apt-get: going on with", done.stdout)
        self.assertEqual(self.demo("--nothing").returncode, 2)


if __name__ == "__main__":
    unittest.main()
