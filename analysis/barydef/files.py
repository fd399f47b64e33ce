"""Reading files that may be damaged, and writing whole files or none."""

import contextlib
import ctypes
import os

from .errors import Failed, Unsuitable, line_of


class Hash(ctypes.Structure):
    """XXH128_hash_t of libxxhash."""

    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def digest(path):
    """XXH3-128 of a file in hex, as a result stores that of its victim.

    Calls the library that barydef itself uses, so that Python needs no further package."""
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
    """Blame the file for whatever goes wrong inside."""
    try:
        yield
    except (Unsuitable, Failed, MemoryError, ModuleNotFoundError):
        raise
    except FileNotFoundError:
        raise Unsuitable(f"{path}: no such file") from None
    except Exception as problem:  # NumPy, zipfile, pickle and h5py raise a dozen kinds
        why = line_of(problem)
        raise Unsuitable(
            why if why.startswith(f"{path}:") else f"{path}: not {what}, or damaged ({why})"
        ) from None


def check_output(path, overwrite, inputs=()):
    """Refuse, before anything is computed, an output that could not be written in the end."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Unsuitable(f"{path}: cannot be created: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Failed(f"{path}: cannot be created: no right to write into {folder}")
    if not os.path.exists(path):
        return
    if not os.path.isfile(path):
        raise Unsuitable(f"{path}: is not a file that can be replaced")
    if any(os.path.exists(one) and os.path.samefile(one, path) for one in inputs):
        raise Unsuitable(f"{path}: is a file that is read")
    if not overwrite:
        raise Unsuitable(f"{path}: exists; --overwrite replaces it")


@contextlib.contextmanager
def written(path):
    """A name to write to. The file appears under its own name whole or not at all."""
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
