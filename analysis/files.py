"""What the commands share: reading what may be damaged, writing whole files or none, and one line and an exit status where that
fails."""

import contextlib
import ctypes
import errno
import os
import sys

os.environ["HDF5_PLUGIN_PRELOAD"] = "::"  # no filter is loaded that a file asks for; before h5py is
NO_FAULT_OF_THE_INPUT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


class Unsuitable(Exception):
    """The input cannot be used; exit status 2."""


class Failed(Exception):
    """The input is good, but the work cannot be done; exit status 1."""


def line_of(problem):
    """The line of an exception that says what went wrong: the first, of TorchScript's interpreter the last."""
    text = getattr(problem, "strerror", None) or str(problem)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(problem).__name__]
    return lines[-1] if "TorchScript interpreter" in lines[0] else lines[0]


class Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def digest(path):
    """XXH3-128 of a file in hex, as a result has its victim's: by the library that barydef has it from, so that Python needs no other package."""
    try:
        hashed = ctypes.CDLL("libxxhash.so.0").XXH3_128bits
    except OSError as problem:
        raise Failed(
            f"{path}: cannot be compared with the victim of the result ({line_of(problem)})"
        ) from None
    hashed.argtypes, hashed.restype = (ctypes.c_char_p, ctypes.c_size_t), Hash
    with open(path, "rb") as file:
        data = file.read()
    found = hashed(data, len(data))
    return f"{found.high:016x}{found.low:016x}"


@contextlib.contextmanager
def reading(path, what):
    """Whatever goes wrong inside is the fault of the file."""
    try:
        yield
    except (Unsuitable, Failed, MemoryError):
        raise
    except FileNotFoundError:
        raise Unsuitable(f"{path}: no such file") from None
    except Exception as problem:  # NumPy, zipfile, pickle and h5py raise a dozen kinds
        why = line_of(problem)
        raise Unsuitable(
            why if why.startswith(f"{path}:") else f"{path}: not {what}, or damaged ({why})"
        ) from None


def check_output(path, overwrite, inputs=()):
    """Refuse before anything is computed what could not be written in the end, as barydef does."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Unsuitable(f"{path}: cannot be created: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Failed(f"{path}: cannot be created: no right to write into {folder}")
    if not os.path.exists(path):
        return
    if not os.path.isfile(path):
        raise Unsuitable(f"{path}: is no file that could be replaced")
    if any(os.path.exists(one) and os.path.samefile(one, path) for one in inputs):
        raise Unsuitable(f"{path}: is a file that is read")
    if not overwrite:
        raise Unsuitable(f"{path}: exists; --overwrite replaces it")


@contextlib.contextmanager
def written(path):
    """A name to write to; the file appears under its own whole or not at all."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as problem:
        raise Failed(f"{path}: cannot be written ({line_of(problem)})") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def run(call, name):
    """Where it fails one line and the exit statuses of barydef: 2 for bad usage or input, 1 for all else."""
    try:
        return call()
    except (Unsuitable, ValueError, OSError) as problem:
        status, why = (
            1 if getattr(problem, "errno", None) in NO_FAULT_OF_THE_INPUT else 2,
            str(problem).strip(),
        )
        if getattr(problem, "filename", None):
            why = f"{problem.filename}: {line_of(problem)}"  # without the number of the error
    except Failed as problem:
        status, why = 1, str(problem)
    except KeyboardInterrupt:
        status, why = 1, "interrupted; nothing was written"
    except Exception as problem:
        status, why = 1, f"{type(problem).__name__}: {line_of(problem)}"
    print(
        f"{name}: {''.join(one if one.isprintable() else ' ' for one in why)}", file=sys.stderr
    )  # names of files from others hold anything
    sys.exit(status)
