"""Runs on this machine, and what they say of themselves."""

import os
import re
import statistics
import subprocess

from support import ENVIRONMENT, MPIRUN, PROGRAM, job_text


def command(folder, job, ranks, *wrapper):
    path = os.path.join(folder, "job.ini")
    with open(path, "w") as file:
        file.write(
            job_text({"output.file": os.path.join(folder, "result.h5"), "run.progress": 0, **job})
        )
    return [MPIRUN, "-n", str(ranks), *wrapper, PROGRAM, "run", path, "--overwrite"]


def figures(out):
    """What a run says of itself."""
    numbers = re.search(
        r"(\d+) images in ([\d.]+) s \((\d+) images/s\).*writing took ([\d.]+) %", out, re.S
    )
    found = dict(zip(("images", "seconds", "rate", "write"), map(float, numbers.groups())))
    found["seconds"] = found["images"] / found["rate"]  # more digits
    ranks = re.search(r"at work ([\d.]+) %.*rank 0 spent ([\d.]+) % of it on (\d+) messages", out)
    if ranks:
        found.update(zip(("load", "message", "messages"), map(float, ranks.groups())))
    return found


def run(folder, job, ranks, *wrapper):
    finished = subprocess.run(
        command(folder, job, ranks, *wrapper),
        env={**ENVIRONMENT, "OMPI_MCA_mpi_yield_when_idle": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    if finished.returncode not in (0, 3):
        raise RuntimeError(finished.stderr)
    return figures(finished.stdout)


def spread(values, digits=2):
    middle, least, most = (f"{f(values):.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle} ({least}-{most})"
