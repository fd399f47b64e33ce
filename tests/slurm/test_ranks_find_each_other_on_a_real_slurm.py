"""On a real SLURM, tasks that do not find each other are refused, and what is meant to run alone is
not."""

import os

import h5py

from real_slurm import SlurmTest
from support import DEMO_SET, PROGRAM, job_text, side_by_side, skip

# The program with MPICH, where tests/portability has built it.
MPICH = os.path.join(os.path.dirname(PROGRAM), "tests", "portability", "barydef-mpich")


class Ranks(SlurmTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.job = os.path.join(cls.folder, "job.ini")
        with open(cls.job, "w") as file:
            file.write(
                job_text(
                    {
                        "input.file": DEMO_SET,
                        "input.limit": 4,
                        "solver.iterations": 5,
                        "run.progress": 0,
                    }
                )
            )

    def run_job(self, name, *more, program=PROGRAM):
        """The command of a run that writes this result."""
        return [program, "run", self.job, f"--set=output.file={name}", *more]

    def ranks(self, name):
        """By how many ranks a whole result was written."""
        with h5py.File(os.path.join(self.folder, name)) as file:
            self.assertEqual(file.attrs["complete"], 1)
            return file.attrs["ranks"]

    def test_srun_without_pmix_is_refused_in_one_line(self):
        for interface in "none", "pmi2":
            for images in DEMO_SET, "nowhere.h5":  # nothing but the job is read
                done = self.finished(
                    *("srun", f"--mpi={interface}", "--ntasks=2"),
                    *self.run_job("refused.h5", f"--set=input.file={images}"),
                    status=2,
                )
                lines = [line for line in done.stderr.split("\n") if line.startswith("barydef: ")]
                self.assertRegex(
                    "\n".join(lines),
                    r"^barydef: 2 tasks were started \((PMI_SIZE|SLURM_STEP_NUM_TASKS)\), but .*"
                    r"srun --mpi=pmix \(srun --mpi=list .*run\.alone = allow[^\n]*$",
                )
                self.assertNotIn("nowhere", done.stderr)
                self.assertEqual(done.stdout, "")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "refused.h5")))

    def test_srun_with_pmix_is_one_run(self):
        self.command("srun", "--mpi=pmix", "--ntasks=2", *self.run_job("pmix.h5"))
        self.assertEqual(self.ranks("pmix.h5"), 2)

    def test_mpich_is_one_run_with_pmi2_and_refused_with_pmix(self):
        if not os.path.exists(MPICH):
            skip("no barydef-mpich was built: that takes libmpich-dev, beside Open MPI")
        run = self.run_job("mpich.h5", program=MPICH)
        self.command("srun", "--mpi=pmi2", "--ntasks=2", *run)
        self.assertEqual(self.ranks("mpich.h5"), 2)
        done = self.finished("srun", "--mpi=pmix", "--ntasks=2", *run, status=2)
        self.assertRegex(
            done.stderr,
            r"(?m)^barydef: 2 tasks were started \(SLURM_STEP_NUM_TASKS\), but in MPI \(MPICH .*"
            r"srun --mpi=pmi2 or --mpi=pmix \(srun --mpi=list",
        )

    def test_one_task_may_run_alone(self):
        self.command("srun", "--mpi=none", "--ntasks=1", *self.run_job("one.h5"))
        self.assertEqual(self.ranks("one.h5"), 1)

    def test_tasks_that_are_allowed_to_run_alone_do(self):
        self.command(
            *("srun", "--mpi=none", "--ntasks=2", "bash", "-c", '"$@"$SLURM_PROCID.h5', "-"),
            *self.run_job("", "--set=run.alone=allow"),
            "--set=output.file=allowed-",
        )
        self.assertEqual([self.ranks(f"allowed-{task}.h5") for task in range(2)], [1, 1])

    def test_a_batch_script_may_run_alone_and_by_mpirun(self):
        run = f"{PROGRAM} run {self.job} --set=output.file="
        script = "\n".join(
            (
                "#!/bin/bash",
                "set -e",
                'test "$SLURM_NTASKS" = 2',
                f"{run}batch-alone.h5",
                f"mpirun {run}batch-mpirun.h5",
                f"mpirun -n 1 {run}batch-one.h5",
                # As a farm of runs does that starts an mpirun in each task.
                f"srun --mpi=none bash -c 'mpirun -n 1 {run}batch-nested-$SLURM_PROCID.h5'",
            )
        )
        self.command("sbatch", "--wait", "--ntasks=2", "--output=batch.log", "--wrap", script)
        for name, ranks in {
            "alone": 1,
            "mpirun": 2,
            "one": 1,
            "nested-0": 1,
            "nested-1": 1,
        }.items():
            self.assertEqual(self.ranks(f"batch-{name}.h5"), ranks, name)

    def test_a_shell_of_salloc_may_run_alone(self):
        self.command("salloc", "--ntasks=2", *self.run_job("salloc.h5"))
        self.assertEqual(self.ranks("salloc.h5"), 1)


if __name__ == "__main__":
    side_by_side(Ranks, at_once=3)
