"""Built with MPICH, the program gives the bits that it gives with Open MPI.

The gate builds anew what includes mpi.h (barydef-mpich of CMakeLists.txt), and compares the demo.
The long form is mpich.sh: everything built with MPICH, all jobs of the demo, and a sweep."""

import os
import subprocess
import unittest

import support
from results import contents

MPICH = os.environ.get("BARYDEF_MPICH", "")
MPIEXEC = os.environ.get("BARYDEF_MPIEXEC", "mpiexec.mpich")
DEMO = os.path.join(support.SOURCE, "jobs", "demo.ini")


class Mpich(support.RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not MPICH:
            support.skip("no barydef-mpich was built: that takes libmpich-dev, beside Open MPI")

    def succeed(self, *command):
        finished = subprocess.run(
            command,
            env=support.ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=36000 if support.LONG else 300 * support.PATIENCE,
        )
        self.assertEqual(finished.returncode, 0, finished)
        return finished.stdout

    def test_each_program_has_its_own_mpi(self):
        self.assertRegex(self.succeed(MPICH, "--version"), r"(?m)^MPI: MPICH Version:\s+4\.")
        self.assertRegex(self.succeed(support.PROGRAM, "--version"), r"(?m)^MPI: Open MPI v?[45]\.")

    def test_demo_is_the_same_bit_by_bit(self):
        """Images, records, marks and accuracies."""
        results = []
        for launcher, program in (MPIEXEC, MPICH), (support.MPIRUN, support.PROGRAM):
            path = os.path.join(self.folder, f"{os.path.basename(launcher)}.h5")
            options = "--quiet", "--set", f"output.file={path}"
            self.succeed(launcher, "-n", "2", program, "run", DEMO, *options)
            results.append(contents(path))
        self.assertIn("runs/000/clean/images", results[0])
        self.assert_same(*results)

    def test_everything_is_the_same_bit_by_bit(self):
        if not support.LONG:
            self.skipTest("REDUCED: the demo alone; --long builds all with MPICH, and runs a sweep")
        script = os.path.join(support.SOURCE, "tests", "portability", "mpich.sh")
        print(self.succeed("bash", script, "--program", support.PROGRAM, self.folder))


if __name__ == "__main__":
    unittest.main()
