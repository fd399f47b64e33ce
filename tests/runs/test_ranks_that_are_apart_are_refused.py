"""Tasks that were started together and find themselves alone in MPI are refused, once, before
anything is read.  The environment of each launcher is faked here; tests/slurm has a real SLURM."""

import os
import unittest

import h5py

from inputs import random_images, write_set
from support import SOURCE, RunTest, folder_contents, job_text, launch, run_job

# What each launcher tells a task: the variables of the number of tasks and of its own number.
LAUNCHERS = {
    "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK",
    "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK",
    "MVP_COMM_WORLD_SIZE": "MVP_COMM_WORLD_RANK",
    "PMI_SIZE": "PMI_RANK",
    "JSM_NAMESPACE_SIZE": "JSM_NAMESPACE_RANK",
    "FLUX_JOB_SIZE": "FLUX_TASK_RANK",
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
}


class Apart(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_set(os.path.join(cls.folder, "set.h5"), {"noise": random_images(3)})
        # Whoever read more than this job would complain of files that are missing.
        nothing = {"input.file": "no.h5", "victim.file": "no.pt", "output.file": "no/folder.h5"}
        cls.write("nothing.ini", nothing)

    @classmethod
    def write(cls, name, values):
        with open(os.path.join(cls.folder, name), "w") as file:
            file.write(job_text(values))

    def refused(self, job="nothing.ini", options=(), **environment):
        """The lines of a run that must be refused before anything but the job is read."""
        finished = launch("run", job, *options, folder=self.folder, **environment)
        self.assertEqual((finished.status, finished.out), (2, ""), finished)
        return finished.err_lines

    def ranks(self, *options, ranks=0, **environment):
        """By how many ranks a run was done that must not be refused."""
        finished = run_job(self.folder, {}, "--overwrite", *options, ranks=ranks, **environment)
        self.assertEqual(finished.status, 0, finished)
        with h5py.File(os.path.join(self.folder, "result.h5")) as file:
            return file.attrs["ranks"]

    def test_tasks_of_any_launcher_are_refused_in_one_line(self):
        before = folder_contents(self.folder)
        for size, rank in LAUNCHERS.items():
            (line,) = self.refused(**{size: "4", rank: "0"})
            self.assertRegex(line, rf"^barydef: 4 tasks were started \({size}\), but in MPI \(")
            for words in "srun --mpi=pmix", "srun --mpi=list", "mpirun", "run.alone = allow":
                self.assertIn(words, line)
            self.assertEqual(self.refused(**{size: "4", rank: "3"}), [], rank)
        self.assertEqual(folder_contents(self.folder), before)

    def test_a_task_that_knows_its_number_alone_is_refused(self):
        for rank in "PMIX_RANK", "PALS_RANKID":
            (line,) = self.refused(**{rank: "1"})
            self.assertIn(f"several tasks were started ({rank} = 1)", line)
            self.assertEqual(self.refused(**{rank: "2"}), [])

    def test_bad_usage_is_told_by_one_task(self):
        for rank, lines in ("0", 3), ("1", 0):
            err = self.refused(options=["--nonsense"], PMI_SIZE="2", PMI_RANK=rank)
            self.assertEqual(bool(err), rank == "0", err)

    def test_a_job_that_cannot_be_loaded_is_told_by_one_task(self):
        """Nobody knows whether such a job allows tasks that are apart, so that is not spoken of."""
        self.write("wrong.ini", {"run.alone": "allow", "solver.gamma": "-1"})
        for job, words in ("nowhere.ini", "nowhere.ini: "), ("wrong.ini", "gamma"):
            for options in (), ("--set=run.alone=allow",):
                for variable in "PMI_RANK", "PMIX_RANK":
                    size = {"PMI_SIZE": "2"} if variable == "PMI_RANK" else {}
                    (line,) = self.refused(job, options, **size, **{variable: "0"})
                    self.assertIn(words, line)
                    self.assertNotIn("tasks", line)
                    self.assertEqual(self.refused(job, options, **size, **{variable: "1"}), [])

    def test_manual_and_page_name_the_variables(self):
        with open(os.path.join(SOURCE, "docs", "cluster.md")) as file:
            texts = launch("help", "--json").out, file.read()
        for name in *LAUNCHERS, "PMIX_RANK", "PALS_RANKID":
            for text in texts:
                self.assertIn(name, text)

    def test_what_is_meant_to_run_alone_does(self):
        for environment in (
            {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"},  # a batch script
            {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"},  # srun -n 1
            {"SLURM_STEP_NUM_TASKS": "4", "OMPI_COMM_WORLD_SIZE": "1"},  # mpirun -n 1 in a step
            {"PMI_SIZE": "no number", "FLUX_JOB_SIZE": "", "MV2_COMM_WORLD_SIZE": "-4"},
        ):
            self.assertEqual(self.ranks(**environment), 1, environment)

    def test_ranks_that_have_found_each_other_are_not_refused(self):
        everything = {name: "4" for name in LAUNCHERS if not name.startswith("OMPI_")}
        self.assertEqual(self.ranks(ranks=2, **everything), 2)

    def test_run_alone_allows_it(self):
        tasks = {"PMI_SIZE": "2", "PMI_RANK": "1"}
        self.assertEqual(self.ranks("--set=run.alone=allow", **tasks), 1)
        finished = run_job(self.folder, {"run.alone": "allow"}, "--overwrite", **tasks)
        self.assertEqual(finished.status, 0, finished)
        # All that is not allowed is told by each of them, since each is a run of its own.
        finished = run_job(self.folder, {"run.alone": "allow"}, **tasks)
        self.assertIn("result.h5", finished.err)

    def test_a_result_of_before_the_parameter_is_resumed(self):
        """The job in a result need not have the key, and may differ in it."""
        self.ranks("--set=run.alone=allow")
        with h5py.File(os.path.join(self.folder, "result.h5"), "r+") as file:
            text = file.attrs["job"].decode()
            self.assertIn("alone = allow\n", text)
            file.attrs["job"] = text.replace("alone = allow\n", "").encode()
        finished = run_job(self.folder, {}, "--resume")
        self.assertEqual(finished.status, 0, finished)

    def test_other_commands_ask_no_launcher(self):
        tasks = {"PMI_SIZE": "2", "PMI_RANK": "1"}
        self.ranks()
        for arguments in ("params",), ("check", "result.h5"), ("inspect", "result.h5"):
            finished = launch(*arguments, folder=self.folder, **tasks)
            self.assertEqual(finished.status, 0, finished)
            self.assertNotEqual(finished.out, "")


if __name__ == "__main__":
    unittest.main()
