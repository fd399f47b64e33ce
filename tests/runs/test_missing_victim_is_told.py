"""A run without a victim, or without libtorch, says so in one line; a broken libtorch fails it."""

import os
import shutil
import subprocess
import unittest

import numpy as np

from command_line import CommandLine
from inputs import write_victim
from results import read
from support import ENVIRONMENT, FAULTS, MPIRUN, PROGRAM, launch, need_victim, run_job, skip


class MissingVictim(CommandLine):
    def test_without_victim_one_line_says_so(self):
        for ranks in 0, 2:
            finished = run_job(
                self.folder, {"output.file": "no-victim.h5"}, "--overwrite", ranks=ranks
            )
            self.assert_one_line(finished, 0, "^barydef: .*victim.*NaN")

    def test_without_libtorch_one_line_says_so(self):
        """A copy without the victim module beside it is a build without libtorch."""
        need_victim()
        library = os.path.join(os.path.dirname(PROGRAM), "libbarydef.so.0")
        if not os.path.exists(library):
            skip(
                "libbarydef.so.0 is not beside the program: "
                "a build without libtorch cannot be imitated"
            )
        folder = os.path.join(self.folder, "no-libtorch")
        os.makedirs(folder)
        shutil.copy(library, folder)
        write_victim(os.path.join(self.folder, "victim.pt"))
        finished = run_job(
            self.folder,
            {"victim.file": "victim.pt", "output.file": "no-libtorch.h5"},
            LD_LIBRARY_PATH=folder,
        )
        self.assert_one_line(finished, 0, "^barydef: .*libtorch.*victim.pt.*NaN")
        self.assertRegex(
            launch("--version", LD_LIBRARY_PATH=folder).out, "libtorch: not built in.*NaN"
        )
        rows = read(os.path.join(self.folder, "no-libtorch.h5"), "statistics")
        self.assertTrue(
            np.all(np.isnan(rows["attack_accuracy"])) and np.all(rows["l2_to_attacked_mean"] > 0)
        )

    def test_the_module_beside_the_library_needs_no_runpath(self):
        """UCX calls dlopen() in the place of its callers, as the preloaded library does here."""
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        finished = run_job(
            self.folder,
            {"victim.file": "victim.pt", "output.file": "hooked.h5"},
            LD_PRELOAD=FAULTS,
        )
        self.assertEqual(finished.status, 0, finished.err)
        rows = read(os.path.join(self.folder, "hooked.h5"), "statistics")
        self.assertTrue(np.all(np.isfinite(rows["attack_accuracy"])), finished.err)

    def test_a_broken_libtorch_is_no_missing_one(self):
        """A victim module that does not load fails the run, on any rank, instead of giving NaN."""
        need_victim()
        folder = os.path.join(self.folder, "broken-libtorch")
        os.makedirs(folder)
        with open(os.path.join(folder, "libbarydef-victim.so"), "w") as file:
            file.write("this is no shared object")
        write_victim(os.path.join(self.folder, "victim.pt"))
        finished = run_job(
            self.folder,
            {"victim.file": "victim.pt", "output.file": "broken.h5"},
            LD_LIBRARY_PATH=folder,
        )
        self.assert_one_line(finished, 1, "rank 0 cannot load the victim module")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "broken.h5")))
        job = os.path.join(self.folder, "job.ini")
        # Several programs with ":" between them end Debian 13's mpirun (open-mpi/ompi issue 13303).
        of_rank_1 = '[ "$OMPI_COMM_WORLD_RANK" = 0 ] || export LD_LIBRARY_PATH="$0"; exec "$@"'
        mixed = subprocess.run(
            [MPIRUN, "-n", "2", "sh", "-c", of_rank_1, folder, PROGRAM, "run", job],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(mixed.returncode, 1, mixed)
        self.assertIn("rank 1 cannot load the victim module", mixed.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "broken.h5")))


if __name__ == "__main__":
    unittest.main()
