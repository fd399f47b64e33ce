"""Helpers of the whole-run tests: start barydef under mpirun or alone, and end it.

inputs.py makes what a run reads, results.py reads and compares what it writes.

Each test file is a program, which takes the names of tests:

    PYTHONPATH=tests/runs:tests/reference /usr/bin/python3 tests/runs/test_FILE.py CLASS.test_NAME

The environment variable BARYDEF names the program under test (default: build/barydef of the source
tree), MPIRUN the launcher (default: mpirun)."""

import contextlib
import importlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded, whose threads must not change a logit

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PROGRAM = os.path.abspath(os.environ.get("BARYDEF") or os.path.join(SOURCE, "build", "barydef"))
MPIRUN = os.environ.get("MPIRUN", "mpirun")
# How many times slower than a usual build this one is, with sanitizers say.
PATIENCE = float(os.environ.get("BARYDEF_PATIENCE", 1))
HUNG = 300 * PATIENCE  # seconds after which a run hangs: one of 3 s took 60 beside other tests
SLOW = PATIENCE > 1
# Whether the long forms of tests are wanted (tests/run.sh --long).
LONG = bool(os.environ.get("BARYDEF_LONG"))
FAULTS = os.path.abspath(
    os.environ.get("BARYDEF_FAULTS")
    or os.path.join(os.path.dirname(PROGRAM), "tests", "libfaults.so")
)
DEMO_SET = os.path.join(SOURCE, "jobs", "demo", "digits.h5")
DEMO_VICTIM = os.path.join(SOURCE, "jobs", "demo", "victim.pt")

# Open MPI runs as root, more ranks than cores, on one host, and leaves no time where a rank fails.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
ENVIRONMENT.update(
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_rmaps_base_oversubscribe="1",
    OMPI_MCA_hwloc_base_binding_policy="none",
    OMPI_MCA_pml="ob1",
    OMPI_MCA_btl="self,vader",
    OMPI_MCA_osc="^ucx",
    OMPI_MCA_odls_base_sigkill_timeout="0",
    # The same in Open MPI 5.
    PRTE_MCA_rmaps_default_mapping_policy="slot:OVERSUBSCRIBE",
    PRTE_MCA_hwloc_default_binding_policy="none",
    LC_ALL="C.UTF-8",
)

# Open MPI 5 may add that a rank which has ended is out of reach, and its libevent that a descriptor
# is gone.
MPIRUN_NOTICE = re.compile(
    r"^-{40,}\n.*?^-{40,}\n|^\[[^\n]*\] PMIX ERROR: PMIX_ERR_UNREACH [^\n]*\n"
    r"|^\[warn\] Epoll [^\n]*\n",
    re.MULTILINE | re.DOTALL,
)


# ---- running -------------------------------------------------------------------------


class Finished(namedtuple("Finished", "command status out err")):
    """A run that has ended; err_lines is stderr without mpirun's own notices."""

    @property
    def err_lines(self):
        return [line for line in MPIRUN_NOTICE.sub("", self.err).split("\n") if line]

    def __str__(self):
        return (
            f"{' '.join(self.command)}\nexit status {self.status}\n"
            f"--- stdout\n{self.out}--- stderr\n{self.err}"
        )


def finish(command, timeout, **options):
    """Runs a command for `timeout` at most."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    try:
        out, err = process.communicate(timeout=timeout * PATIENCE)
    except BaseException:
        kill(process)
        raise
    return Finished(command, process.returncode, out, err)


def launch(*arguments, ranks=0, folder=None, timeout=60, **environment):
    """Runs barydef with these arguments, under mpirun unless ranks = 0, for `timeout` at most."""
    command, environment = [PROGRAM, *map(str, arguments)], {**ENVIRONMENT, **environment}
    if not ranks:
        return finish(command, timeout, cwd=folder, env=environment)
    # Else one mpirun removes the folder of all while another one is about to make its own there.
    with tempfile.TemporaryDirectory(prefix="barydef-", ignore_cleanup_errors=True) as session:
        environment.setdefault("OMPI_MCA_orte_tmpdir_base", session)
        command = [MPIRUN, "-n", str(ranks), *command]
        return finish(command, timeout, cwd=folder, env=environment)


def ranks_of(process):
    """Process numbers of the ranks below an mpirun."""
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-x", "barydef"], capture_output=True, text=True
    ).stdout
    return [int(number) for number in children.split()]


# A program for /usr/bin/python3 -c between mpirun and barydef.  It prints the peak resident memory
# of each rank, which peaks() reads.
PEAK = """
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
rank, used = os.environ["OMPI_COMM_WORLD_RANK"], resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(2, b"peak %s %d\\n" % (rank.encode(), used.ru_maxrss))
sys.exit(code)
"""


def peaks(err):
    """MiB of rank 0, 1 ..."""
    return [int(kib) / 1024 for _, kib in sorted(re.findall(r"peak (\d) (\d+)", err))]


def kill(process):
    """Ends a process group.  mpirun gets time to end its ranks, which have groups of their own."""
    if process.poll() is not None:
        return
    for number, patience in (signal.SIGTERM, 10), (signal.SIGKILL, None):
        try:
            os.killpg(process.pid, number)
            process.communicate(timeout=patience)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            pass


def job_text(values):
    """INI text from {"section.key": value}, one section after the other."""
    sections = {}
    for name, value in values.items():
        section, key = name.split(".", 1)
        sections.setdefault(section, []).append(f"{key} = {value}\n")
    return "\n".join(f"[{section}]\n{''.join(lines)}" for section, lines in sections.items())


def attack(name, **values):
    """The keys of a section [attack NAME] for job_text."""
    return {f"attack {name}.{key}": value for key, value in values.items()}


def scratch_environment(folder):
    """ENVIRONMENT with a folder of the test for the shared memory and sockets of killed ranks."""
    scratch = os.path.join(folder, "scratch")
    os.makedirs(scratch, exist_ok=True)
    return {
        **ENVIRONMENT,
        "TMPDIR": scratch,
        "OMPI_MCA_btl_vader_backing_directory": scratch,
        "OMPI_MCA_btl_sm_backing_directory": scratch,
    }


BASE = {
    "input.file": "set.h5",
    "output.file": "result.h5",
    "solver.gamma": 0.1,
    "solver.iterations": 5,
    "run.progress": 0,
}


def run_job(folder, job, *options, ranks=0, name="job.ini", command="run", **others):
    """Writes `job` (INI text, or a dictionary added to BASE) into the folder and runs it."""
    with open(os.path.join(folder, name), "w") as file:
        file.write(job if isinstance(job, str) else job_text({**BASE, **job}))
    return launch(command, os.path.join(folder, name), *options, ranks=ranks, **others)


def purify(folder, job, *options, output="result.h5", status=0, **others):
    """Runs a job that must end with `status`, or one of several.  Returns the path of its
    result."""
    if not isinstance(job, str):
        job = {"output.file": output, **job}
    finished = run_job(folder, job, *options, **others)
    if finished.status not in (status if isinstance(status, tuple) else (status,)):
        raise AssertionError(f"exit status {status} was expected\n{finished}")
    return os.path.join(folder, output)


class RunTest(unittest.TestCase):
    """A test class with a folder of its own, gone when the class is done."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="barydef-")
        # Ranks that were orphaned may still write.
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def assert_same(self, first, second):
        """Two dictionaries of contents() are equal, and not because they are empty."""
        self.assertGreater(len(first), 0)
        self.assertEqual(sorted(first), sorted(second))
        self.assertEqual(
            [name for name in first if first[name] != second[name]], [], "these differ"
        )

    def assert_one_line(self, finished, status, pattern):
        """A run ended with this status, and said why in one line that the pattern matches."""
        self.assertEqual((finished.status, len(finished.err_lines)), (status, 1), finished)
        self.assertRegex(finished.err_lines[0], pattern, finished)


def side_by_side(case, at_once):
    """The main function of a test file whose tests mostly wait.  Runs so many of one class at
    once."""
    names = sys.argv[1:] or unittest.TestLoader().getTestCaseNames(case)

    def run(name):
        start = time.time()
        result = unittest.TextTestResult(unittest.runner._WritelnDecorator(io.StringIO()), True, 2)
        # setUpClass was called below, once for all of them.
        case(name)(result)
        return name, time.time() - start, result

    failed = 0
    try:
        case.setUpClass()
        with ThreadPoolExecutor(at_once) as pool:
            for name, seconds, result in pool.map(run, names):
                print(f"{name}: {seconds:.0f} s", file=sys.stderr)
                for _, trace in result.failures + result.errors:
                    print(trace, file=sys.stderr)
                for _, reason in result.skipped:
                    print(f"SKIPPED: {reason}", file=sys.stderr)
                failed += not result.wasSuccessful()
    finally:
        case.doClassCleanups()
    print(f"{len(names)} tests, {failed} failed", file=sys.stderr)
    sys.exit(bool(failed))


def skip(reason):
    """Skips a test or class, and says so."""
    print(f"SKIPPED: {reason}", file=sys.stderr)
    raise unittest.SkipTest(reason)


@contextlib.contextmanager
def small_file_system(folder, size):
    """A folder with a file system of so many bytes.  Skips the test where that is forbidden."""
    os.makedirs(folder)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True
    ).returncode:
        skip("no right to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def need(name):
    """A module of a package that is not everywhere; skip the test without it."""
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        skip(str(problem))


def need_victim():
    """The torch module.  Skips the test where the program or Python has no torch."""
    if "not built in" in launch("--version").out:
        skip("this barydef was built without libtorch")
    try:
        import torch
    except ImportError:
        skip("python3-torch is not installed")
    from barydef import torchscript

    torchscript.run_as_written()
    return torch


def parameters():
    """{"section.key": (default, allowed)} of `barydef params`, without [sweep]."""
    found, section, name = {}, "", ""
    for line in launch("params").out.split("\n"):
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("    allowed: "):
            found[name] = (found[name], line[13:])
        elif line and not line.startswith(" ") and section != "sweep":
            name = f"{section}.{line.split(' =')[0]}"
            found[name] = line.split("=", 1)[1].strip()
    return found


def folder_contents(folder):
    """{name: bytes} of every file below a folder (None for folders)."""
    found = {}
    for parent, folders, files in os.walk(folder):
        found.update({os.path.join(parent, name): None for name in folders})
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                found[os.path.join(parent, name)] = file.read()
    return found
