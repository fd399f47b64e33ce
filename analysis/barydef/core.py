"""The numerics in C (barydef/solver.h), through ctypes, which releases the interpreter's lock.

No struct of C is known here: the library makes options of text, and tells its own sizes, names and
offsets."""

import collections
import contextlib
import ctypes as c
import functools
import operator
import os
import threading

import numpy as np

NAME = "libbarydef-core.so"
BAD_INPUT = 2
# FFTW's planner is shared by all solvers: one thread at a time may create or destroy one.
planner = threading.Lock()


def _forget_planner():
    """A thread that held the lock is not there in a forked child."""
    global planner
    planner = threading.Lock()


os.register_at_fork(after_in_child=_forget_planner)

P, I, S = c.c_void_p, c.c_int, c.c_size_t
# The last argument of a function with a status is the error.
WITH_STATUS = {
    "bd_solver_options_parse": [c.c_char_p, I, c.POINTER(c.c_char_p), P],
    "bd_solver_create": [P, I, I, I, P, P],
    "bd_solver_vjp_of": [P, I, P, P, P, P, P, c.c_double],
    "bd_solver_mean_vjp": [P, I, P, P, P],
}
OTHERS = {
    "bd_error_size": (S, []),
    "bd_error_message": (c.c_char_p, [P]),
    "bd_solver_setting": (I, [I, c.POINTER(c.c_char_p), c.c_char_p, S]),
    "bd_solver_options_snapshots": (I, [P]),
    "bd_solver_options_tau": (c.c_double, [P]),
    "bd_solver_options_free": (None, [P]),
    "bd_solver_run": (None, [P, I, P, P, P, P, P, P]),
    "bd_solver_destroy": (None, [P]),
    "bd_pixels_clip": (I, [S, P]),
    "bd_image_report_size": (S, []),
    "bd_image_report_growths": (None, [S, P, P]),
    "bd_image_status_name": (c.c_char_p, [I]),
    "bd_per_image_size": (S, []),
    "bd_per_image_measured": (I, [I, P, P, P]),
    "bd_per_image_measure": (None, [S, S, P, P, P, P]),
}


@functools.lru_cache(maxsize=None)
def load():
    """The library beside this module."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), NAME)
    try:
        library = c.CDLL(path)
    except OSError as problem:
        raise RuntimeError(
            f"{path} cannot be loaded ({problem}): install the package by pip, or build barydef "
            "by CMake and put build/python into PYTHONPATH"
        ) from None
    for name, arguments in WITH_STATUS.items():
        getattr(library, name).argtypes = [*arguments, P]
    for name, (result, arguments) in OTHERS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def call(name, *arguments):
    """Call a function that returns a status, and raise the line of its error."""
    library = load()
    error = c.create_string_buffer(library.bd_error_size())
    status = getattr(library, name)(*arguments, error)
    if status:
        line = library.bd_error_message(error).decode(errors="replace")
        raise (ValueError if status == BAD_INPUT else RuntimeError)(line)


def pointer(array):
    return array.ctypes.data


class Setting(collections.namedtuple("Setting", "default allowed meaning")):
    """What is known of a key."""

    def __str__(self):
        return f"{self.meaning}; default: {self.default or 'none'}; allowed: {self.allowed}"


def settings():
    """The keys that a Purifier takes: {"solver.gamma": (default, allowed, meaning) ...}."""
    texts, allowed, found = (c.c_char_p * 4)(), c.create_string_buffer(256), {}
    while load().bd_solver_setting(len(found), texts, allowed, len(allowed)):
        name, default, meaning, unit = (text.decode() for text in texts)
        meaning += f" [{unit}]" if unit else ""
        found[name] = Setting(default, allowed.value.decode(), meaning)
    return found


def make_options(settings):
    """The address of the options that the texts "section.key=value" ask for."""
    texts = (c.c_char_p * len(settings))(*settings)
    options = c.c_void_p()
    call("bd_solver_options_parse", b"Purifier", len(settings), texts, c.byref(options))
    return options.value


def make_solver(options, shape):
    """The address of a solver for images of (channels, height, width)."""
    solver = c.c_void_p()
    with planner:
        call("bd_solver_create", options, *shape, None, c.byref(solver))
    return solver.value


def free_solver(solver):
    with planner:
        load().bd_solver_destroy(solver)


@functools.lru_cache(maxsize=None)
def record_type():
    """The NumPy type of a record as C lays it out, with the fields that need no victim."""
    name, kind, offset = c.c_char_p(), c.c_char_p(), S()
    names, formats, offsets = [], [], []
    while load().bd_per_image_measured(len(names), *map(c.byref, (name, kind, offset))):
        names.append(name.value.decode())
        formats.append(kind.value.decode())
        offsets.append(offset.value)
    size = load().bd_per_image_size()
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


def status_name(code):
    """What the status of an image means: "ok", "empty", "not-finite" ..."""
    try:
        name = load().bd_image_status_name(operator.index(code))
    except TypeError:
        name = None
    if name is None:
        raise ValueError(f"there is no status {code!r}")
    return name.decode()


@contextlib.contextmanager
def borrowed(idle, options, shape, most):
    """A solver for images of this shape, one of those that are idle or a new one.

    At most `most` are idle afterwards."""
    solver = None
    while solver is None and idle:
        try:
            of_shape, solver = idle.pop()
        except IndexError:  # another thread was quicker
            break
        if of_shape != shape:
            free_solver(solver)
            solver = None
    solver = solver or make_solver(options, shape)
    try:
        yield solver
    finally:
        idle.append((shape, solver))
        while len(idle) > most:
            with contextlib.suppress(IndexError):
                free_solver(idle.popleft()[1])
