"""What can go wrong, and how a command tells it in one line and an exit status."""

import errno
import sys

NO_FAULT_OF_THE_INPUT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
# Modules of others: the Debian package and the name for pip.
PACKAGES = {
    "numpy": ("python3-numpy", "numpy"),
    "h5py": ("python3-h5py", "h5py"),
    "matplotlib": ("python3-matplotlib", "matplotlib"),
    "scipy": ("python3-scipy", "scipy"),
    "torch": ("python3-torch", "torch"),
    "sklearn": ("python3-sklearn", "scikit-learn"),
}


class Unsuitable(Exception):
    """The input cannot be used. Exit status 2."""


class Failed(Exception):
    """The input is good, but the work cannot be done. Exit status 1."""


def line_of(problem):
    """The line of an exception that says what went wrong.

    It is the first one, except for TorchScript's interpreter, which puts it last."""
    text = getattr(problem, "strerror", None) or str(problem)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(problem).__name__]
    return lines[-1] if "TorchScript interpreter" in lines[0] else lines[0]


def way_out(problem):
    """What to install where a module of others is missing; None for any other module."""
    module = (problem.name or "").split(".")[0]
    if module not in PACKAGES:
        return None
    debian, pip = PACKAGES[module]
    return (
        f"{sys.executable} has no module {module}: install {debian} (Debian) or {pip} (pip), "
        "or name another Python in BARYDEF_PYTHON"
    )


def status_of(problem):
    """(exit status, reason) of an exception: 2 for bad usage or input, 1 for anything else."""
    if isinstance(problem, ModuleNotFoundError) and way_out(problem):
        return 2, way_out(problem)
    if isinstance(problem, (Unsuitable, ValueError, OSError)):
        status = 1 if getattr(problem, "errno", None) in NO_FAULT_OF_THE_INPUT else 2
        if getattr(problem, "filename", None):
            return status, f"{problem.filename}: {line_of(problem)}"  # without the error's number
        return status, str(problem).strip()
    if isinstance(problem, Failed):
        return 1, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return 1, "interrupted; nothing was written"
    return 1, f"{type(problem).__name__}: {line_of(problem)}"


def run(call, name):
    """The value of call(). Where it fails, say why in one line and exit as barydef does."""
    try:
        return call()
    except (Exception, KeyboardInterrupt) as problem:
        status, why = status_of(problem)
    # Names of files that others made may hold anything.
    print(f"{name}: {''.join(c if c.isprintable() else ' ' for c in why)}", file=sys.stderr)
    sys.exit(status)
