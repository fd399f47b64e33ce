"""What the tests of files made to harm share."""

import os
import re
import shutil
import subprocess
import time

import h5py

from inputs import random_images, write_set
from support import BASE, ENVIRONMENT, PATIENCE, PROGRAM, RunTest, job_text, launch, run_job, skip

IMAGES = random_images(6, 1, 8, 9)
SECONDS = 10 * PATIENCE


def preloaded(folder, name, code):
    """Builds a library to be preloaded.  Its functions may ask in_child() where they run."""
    path = os.path.join(folder, f"{name}.so")
    head = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <signal.h>
        #include <stdlib.h>
        #include <unistd.h>
        static pid_t first;
        __attribute__((constructor)) static void remember(void) { first = getpid(); }
        static int in_child(void) { return getpid() != first; }
    """
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path, "-ldl"],
        input=head + code,
        text=True,
        check=True,
    )
    return path


def hole(group, name, shape):
    """A dataset of float32 in which HDF5 allocates every byte and writes none."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, plan)


class Hostile(RunTest):
    def setUp(self):
        self.set = write_set(
            os.path.join(self.folder, "set.h5"), {"a": IMAGES, "b": IMAGES}, clean=IMAGES
        )
        self.secret = os.path.join(self.folder, "secret.h5")
        write_set(self.secret, {"a": IMAGES}, clean=IMAGES)
        for name in "result.h5", "job.ini":
            if os.path.exists(os.path.join(self.folder, name)):
                os.unlink(os.path.join(self.folder, name))

    def change(self, *removed):
        file = h5py.File(self.set, "r+")
        for name in removed:
            del file[name]
        return file

    def run_it(self, job={}, ranks=0, **environment):
        start = time.time()
        finished = run_job(self.folder, job, ranks=ranks, **environment)
        self.assertLess(time.time() - start, SECONDS + 5 * bool(ranks))
        return finished

    def refused(self, text, status=2, job={}, ranks=0):
        """run refuses the set, inspect does so in the same words, and nothing is written."""
        finished = self.run_it(job, ranks)
        self.assert_one_line(finished, status, text)
        self.assertRegex(finished.err, r"^[\x20-\x7e\n\u00a0-\uffff]*$")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "result.h5")))
        if status == 2 and "input.file" not in job:
            self.assert_one_line(launch("inspect", self.set), 2, text)

    def peak(self, *arguments):
        """Exit status, stderr, and peak resident MiB of the program and its children."""
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        err = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        return process.returncode, err, usage.ru_maxrss / 1024

    def opened_files(self, job={}):
        """Paths that the program and its children open, by strace."""
        if not shutil.which("strace"):
            skip("strace is not installed")
        trace = os.path.join(self.folder, "trace")
        with open(os.path.join(self.folder, "job.ini"), "w") as file:
            file.write(job_text({**BASE, **job}))
        # LeakSanitizer does not work under strace.
        environment = {
            **ENVIRONMENT,
            "ASAN_OPTIONS": ENVIRONMENT.get("ASAN_OPTIONS", "") + ":detect_leaks=0",
        }
        done = subprocess.run(
            [
                "strace",
                "-f",
                "-o",
                trace,
                "-e",
                "trace=open,openat,openat2,stat,newfstatat,readlink",
                PROGRAM,
                "run",
                os.path.join(self.folder, "job.ini"),
                "--overwrite",
            ],
            env=environment,
            capture_output=True,
            text=True,
        )
        if "ptrace" in done.stderr and "not permitted" in done.stderr:
            self.skipTest("SKIPPED LOUDLY: strace may not trace here")
        with open(trace) as file:
            return set(re.findall(r'"([^"]*)"', file.read()))
