"""slurm/ without SLURM: what submit.sh hands to sbatch, and what the batch scripts hand to srun and
mpirun.

Stand-ins for these programs write down their arguments."""

import json
import os
import re
import shutil
import subprocess
import unittest

from support import DEMO_SET, ENVIRONMENT, PROGRAM, SOURCE, RunTest, job_text

NOTE = """#!/usr/bin/python3
import json, os, sys
with open(os.path.join(os.environ["NOTES"], os.path.basename(sys.argv[0])), "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
"""
STANDINS = {
    "sbatch": NOTE + "print(7)\n",
    # `show job` names the batch script, after a signal where a test asks for one.  Nothing can be
    # requeued.
    "scontrol": NOTE
    + """
import signal
if sys.argv[1] == "requeue":
    sys.exit(1)
if "SIGNAL" in os.environ:
    os.kill(int(os.environ["BATCH"]), signal.SIGUSR1)
print("   Command=" + os.environ["SCRIPT"] + " job.ini")
""",
    "srun": NOTE
    + """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(75))
time.sleep(20 if "SIGNAL" in os.environ else 0)
""",
    "mpirun": NOTE,
    "mpiexec": NOTE,
}


def write_program(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


class Submit(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.templates = os.path.join(cls.folder, "my templates")
        shutil.copytree(os.path.join(SOURCE, "slurm"), cls.templates)
        with open(os.path.join(cls.templates, "settings.sh"), "a") as file:
            file.write(
                "SBATCH_OPTIONS=(--ntasks=32 --account=a)\nRUN_OPTIONS=(--ntasks=64)\n"
                "MERGE_OPTIONS=(--time=1)\nREPORT_OPTIONS=(--time=2)\n"
            )
        bin_ = os.path.join(cls.folder, "bin")
        os.mkdir(bin_)
        for name, text in STANDINS.items():
            write_program(os.path.join(bin_, name), text)
        cls.environment = {
            **ENVIRONMENT,
            "PATH": bin_ + ":" + ENVIRONMENT["PATH"],
            "BARYDEF": PROGRAM,
            "STOP_SECONDS": "1",
        }
        cls.job = os.path.join(cls.folder, "job.ini")
        with open(cls.job, "w") as file:  # three points; its input is not there, as in jobs/paper/
            file.write(
                job_text(
                    {
                        "input.file": "none.h5",
                        "output.file": "none-result.h5",
                        "sweep.solver.gamma": "0.1, 0.2, 0.3",
                    }
                )
            )
        cls.input = f"input.file={DEMO_SET}"

    def setUp(self):
        self.notes = os.path.join(self.folder, self.id())
        os.mkdir(self.notes)

    def noted(self, name):
        path = os.path.join(self.notes, name)
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [json.loads(line) for line in file]

    def command(self, *arguments, status, **environment):
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=60,
            env={**self.environment, "NOTES": self.notes, **environment},
        )
        self.assertEqual(done.returncode, status, done)
        return done

    def submit(self, *arguments, status=0, **environment):
        """Call submit.sh."""
        return self.command(
            "bash",
            os.path.join(self.templates, "submit.sh"),
            *arguments,
            status=status,
            **environment,
        )

    def test_wrong_arguments_are_refused(self):
        for arguments, text in (
            (("run", "nowhere.ini", "result.h5"), "nowhere.ini: no such job file"),
            (("runn", "job.ini", "result.h5"), '"runn" is none of run, sweep, array'),
            (("run", "job.ini"), "a job file and a result"),
            (("array", "job.ini", "result.h5"), "array: how many parts"),
            (("array", "job.ini", "result.h5", "--set", self.input), "array: how many parts"),
            (("array", "job.ini", "result.h5", "0"), "how many"),
            (
                ("array", "job.ini", "result.h5", "4", "--set", self.input),
                "--part 4/4: the sweep has only 3 points",
            ),
            (("run", "job.ini", "result.h5", "3"), "3: only --set"),
            (("run", "job.ini", "result.h5", "--set"), "is missing"),
            (("run", "job.ini", "result.h5"), "none.h5: cannot be opened"),
            (("run", "job.ini", "result.h5", "--set", "solver.gama=1"), "gama"),
            (
                ("sweep", "job.ini", "nowhere/result.h5", "--set", self.input),
                "nowhere/result.h5: cannot be created",
            ),
        ):
            done = self.submit(*arguments, status=2)
            self.assertRegex(done.stderr, "^submit.sh: .*\n$")
            self.assertIn(text, done.stderr)
            self.assertEqual((done.stdout, self.noted("sbatch")), ("", []))

    def test_help_is_one_text(self):
        text = self.submit(status=2).stderr
        self.assertRegex(text, r"(?s)^Submit a job file.*PARTS.*--help.*everything done\.\n$")
        for arguments in ("-h",), ("--help",), ("array", "job.ini", "--help"):
            self.assertEqual(self.submit(*arguments).stdout, text)
        self.assertEqual(self.noted("sbatch"), [])

    def test_wrong_settings_are_refused_before_the_queue(self):
        for name, value in ("BARYDEF_MPI", "lam"), ("BARYDEF_LAUNCHER", "rsh"):
            done = self.submit("run", "job.ini", "result.h5", status=2, **{name: value})
            self.assertRegex(done.stderr, f"^settings.sh: {name} is [^\n]*\n$")
        self.assertEqual(self.noted("sbatch"), [])

    def test_a_name_that_is_not_found_is_refused_before_the_queue(self):
        bare = os.path.join(self.folder, "bin") + ":/usr/bin:/bin"
        done = self.submit("run", "job.ini", "result.h5", status=2, BARYDEF="nobody", PATH=bare)
        self.assertEqual(
            done.stderr,
            f"submit.sh: nobody is not in PATH: set BARYDEF in {self.templates}/settings.sh, "
            "or load its modules there\n",
        )
        self.assertEqual(self.noted("sbatch"), [])

    def test_an_installed_tree_has_its_program(self):
        tree = os.path.join(self.folder, "my prefix")
        installed = os.path.join(tree, "share", "barydef", "slurm")
        shutil.copytree(os.path.join(SOURCE, "slurm"), installed)
        for folder, program in (
            (installed, os.path.join(tree, "bin", "barydef")),
            (self.templates, "barydef"),
        ):
            shown = self.command(
                *("bash", "-c", 'source "$1" && echo "$BARYDEF"', "-"),
                os.path.join(folder, "settings.sh"),
                status=0,
                BARYDEF="",
            )
            self.assertEqual(shown.stdout, program + "\n")

    def test_options_reach_sbatch_and_srun(self):
        result = os.path.join(self.folder, "result.h5")
        self.submit(
            "array",
            "job.ini",
            "result.h5",
            "3",
            "--set",
            self.input,
            "--set=solver.theta=9",
            "--",
            "--ntasks=5",
        )
        self.submit("run", "job.ini", "result.h5", f"--set={self.input}")
        # A path may lead to a program that the nodes alone have.
        said = self.submit("sweep", "job.ini", "result.h5", BARYDEF="/nowhere/barydef").stderr
        self.assertRegex(
            said, "^submit.sh: not checked on this host, .*: /nowhere/barydef: No such"
        )
        self.assertIn(f"set BARYDEF in {self.templates}/settings.sh, or load its modules", said)
        array, merge, report, run, _, sweep, _ = self.noted("sbatch")

        def script(name):
            return os.path.join(self.templates, name + ".sbatch")

        self.assertEqual(
            array,
            [
                "--parsable",
                "--ntasks=32",
                "--account=a",
                "--array=1-3",
                "--ntasks=64",
                "--ntasks=5",
                script("array"),
                self.job,
                result,
                "3",
                "--set",
                self.input,
                "--set=solver.theta=9",
            ],
        )
        one = [
            "--parsable",
            "--ntasks=32",
            "--account=a",
            "--nodes=1",
            "--ntasks=1",
            "--dependency=afterok:7",
            "--kill-on-invalid-dep=yes",
        ]
        self.assertEqual(merge, [*one, "--time=1", script("merge"), result, "3"])
        self.assertEqual(
            report, [*one, "--time=2", script("report"), result, "--use-victim-of-result"]
        )
        self.assertEqual(
            run,
            [
                "--parsable",
                "--ntasks=32",
                "--account=a",
                "--ntasks=64",
                script("run"),
                self.job,
                f"--set={self.input}",
                "--set",
                f"output.file={result}",
            ],
        )
        self.assertEqual(sweep[-4:], [script("sweep"), self.job, "--set", f"output.file={result}"])

    def script(self, name, *arguments, status=0, **environment):
        """Run a batch script as a job."""
        return self.command(
            "bash",
            "-c",
            'BATCH=$$ exec bash "$SCRIPT" "$@"',
            "-",
            *arguments,
            status=status,
            SLURM_JOB_ID="7",
            SCRIPT=os.path.join(self.templates, name),
            **environment,
        )

    def batch(self, name, *arguments, status, **environment):
        """Run a batch script as a job.  Returns what srun got after "barydef run", or None where a
        signal came before that."""
        self.script(name, *arguments, status=status, **environment)
        started = self.noted("srun")
        return started[-1][3:] if started else None

    def test_the_mpi_decides_how_ranks_start(self):
        variable = "OMPI_MCA_odls_base_sigkill_timeout"
        for mpi, option, mpirun in (
            ("openmpi4", "--mpi=pmix", "mpirun"),
            ("openmpi5", "--mpi=pmix", "mpirun"),
            ("mpich", "--mpi=pmi2", "mpiexec"),
        ):
            self.batch("run.sbatch", "job.ini", status=0, BARYDEF_MPI=mpi)
            self.assertEqual(self.noted("srun")[-1][:3], [option, PROGRAM, "run"])
            self.batch(
                "run.sbatch", "job.ini", status=0, BARYDEF_MPI=mpi, BARYDEF_LAUNCHER="mpirun"
            )
            self.assertEqual(self.noted(mpirun)[-1][:2], [PROGRAM, "run"])
            shown = self.command(
                *("env", "-u", variable, "bash", "-c", 'source "$1" && export -p', "-"),
                os.path.join(self.templates, "settings.sh"),
                status=0,
                BARYDEF_MPI=mpi,
            ).stdout
            self.assertEqual(f'declare -x {variable}="5"\n' in shown, mpi == "openmpi4")

    def test_the_example_of_modules_loads_them_first(self):
        """The lines of settings.sh without their #, with a stand-in for the function."""
        path = os.path.join(self.templates, "settings.sh")
        with open(path) as file:
            text = file.read()
        lines, count = re.subn(r"(?m)^# (type module|module )", r"\1", text)
        self.assertEqual(count, 3)
        try:
            with open(path, "w") as file:
                file.write(lines)
            # Real ones use names that are not set.
            function = '() { echo "$1$unset" >>"$NOTES/module"; }'
            module = {"BASH_FUNC_module%%": function}
            self.submit("run", "job.ini", "result.h5", "--set", self.input, **module)
            self.batch("run.sbatch", "job.ini", status=0, **module)
        finally:
            with open(path, "w") as file:
                file.write(text)
        with open(os.path.join(self.notes, "module")) as file:
            self.assertEqual(file.read(), 2 * "purge\nload\n")
        self.assertEqual(len(self.noted("srun")), 1)

    def test_a_report_takes_the_python_of_a_module_that_can_draw(self):
        """Stand-ins: a module's python3 that has h5py, or has not, and a barydef that shows which
        Python it was told."""
        folder = os.path.join(self.folder, "module")
        os.mkdir(folder)
        shows = '#!/bin/sh\n[ "$1" != report ] || echo "drawn by $BARYDEF_PYTHON"\n'
        program, other = os.path.join(folder, "barydef"), os.path.join(folder, "other python")
        write_program(program, shows)
        write_program(other, "#!/bin/true\n")
        usual = "/usr/bin/python3"
        imports = [usual, "-c", "import h5py, matplotlib"]
        can_draw = subprocess.run(imports, capture_output=True).returncode == 0
        for module, named, drawn in (
            ("true", "", "python3"),
            ("false", "", usual if can_draw else None),
            ("true", other, other),
            ("true", "/nowhere", None),
        ):
            write_program(os.path.join(folder, "python3"), f"#!/bin/{module}\n")
            done = self.script(
                "report.sbatch",
                "result.h5",
                BARYDEF=program,
                BARYDEF_PYTHON=named,
                PATH=folder + ":" + self.environment["PATH"],
            )
            end = f"drawn by {drawn}" if drawn else "set BARYDEF_PYTHON in settings.sh"
            self.assertRegex(done.stdout, f"{end}\n$")

    def test_every_sbatch_line_is_explained_where_it_stands(self):
        scripts = [name for name in os.listdir(self.templates) if name.endswith(".sbatch")]
        self.assertEqual(len(scripts), 5)
        for name in scripts:
            with open(os.path.join(self.templates, name)) as file:
                lines = file.read().split("\n")
            options = [at for at, line in enumerate(lines) if line.startswith("#SBATCH ")]
            self.assertGreater(len(options), 3)
            for at in options:
                self.assertRegex(lines[at - 1], r"^# .*\.$", f"{name}: {lines[at]}")

    def test_a_requeued_job_verifies_once(self):
        """After a requeue marks are believed; what the user sets wins, as the last does."""
        wait = ["--set", "run.wait=60"]
        self.assertEqual(
            self.batch("run.sbatch", "job.ini", "--set", "a=b", status=0),
            [*wait, "job.ini", "--set", "a=b", "--resume"],
        )
        self.assertEqual(
            self.batch("run.sbatch", "job.ini", "--set", "a=b", status=0, SLURM_RESTART_COUNT="1"),
            ["--set", "run.verify=marks", *wait, "job.ini", "--set", "a=b", "--resume"],
        )
        array = self.batch(
            "array.sbatch",
            "job.ini",
            "result.h5",
            "3",
            "--set",
            "output.file=mine.h5",
            status=0,
            SLURM_ARRAY_TASK_ID="2",
        )
        self.assertEqual(
            array,
            [
                *wait,
                "job.ini",
                "--set",
                "output.file=mine.h5",
                "--resume",
                "--part",
                "2/3",
                "--set",
                f"output.file={os.path.join(self.folder, 'result.part-2.h5')}",
            ],
        )

    def test_a_signal_at_the_start_leads_to_a_requeue(self):
        """A USR1 just after the trap, before launch.sh is read, leads to a requeue."""
        for name in "run", "sweep", "array":
            with open(os.path.join(self.templates, name + ".sbatch")) as file:
                self.assertRegex(
                    re.sub(r"(?m)^(#.*)?\n", "", file.read()), r"^trap time_is_over=1 USR1 "
                )
        self.batch("run.sbatch", "job.ini", status=75, SIGNAL="USR1")
        self.assertEqual(self.noted("scontrol")[-1], ["requeue", "7"])
        self.batch("run.sbatch", "job.ini", status=75, SIGNAL="USR1", SLURM_RESTART_COUNT="50")
        self.assertEqual(self.noted("scontrol")[-1], ["show", "job", "7"])


if __name__ == "__main__":
    unittest.main()
