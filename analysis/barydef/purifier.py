"""Barycentric Defense for arrays of images in memory."""

import collections.abc
import concurrent.futures
import numbers
import os
import warnings
import weakref

import numpy as np
from numpy.lib.recfunctions import repack_fields

from . import core
from .core import settings, status_name  # noqa: F401 - part of the package

# Images that one call of the library computes. Between calls Python answers to Ctrl-C.
PIECE, LANES = 64, 8


def _text(value):
    """A value as a job file has it."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(map(_text, value))
    return str(value)


def _setting(name, value):
    text = f"{name}={_text(value)}"
    if "\0" in text:
        raise ValueError(f"Purifier: {name!r}: a NUL character in the value")
    return text.encode()


def _free(idle, process, options):
    """Free what a Purifier had. A solver of the parent may have been at work when it forked."""
    while idle and process == os.getpid():
        core.free_solver(idle.pop()[1])
    core.load().bd_solver_options_free(options)


class Purifier:
    """Replaces each image by the barycenter of its marginals, as `barydef run` does.

    settings  keys and values of the sections [marginals] and [solver] of a job file, such as
              {"solver.gamma": 1, "marginals.set": "B6"}; the others have their defaults, and
              barydef.settings() lists all
    threads   how many parts of a batch are computed at once; it changes no bit
    memory    bytes that the states of all iterations may take for a gradient, in each thread; what
              does not fit is computed twice, to the same bits; None: 256 MiB

    A Purifier may be called from several threads, copied, pickled, and used after a fork. What is
    wrong with settings or arrays is a ValueError, what fails is a RuntimeError."""

    def __init__(self, settings=None, threads=1, memory=None):
        settings = {} if settings is None else settings
        if not isinstance(settings, collections.abc.Mapping):
            raise ValueError(
                f"Purifier: settings = {settings!r:.200}; allowed: a dict, such as "
                '{"solver.gamma": 1}'
            )
        self.settings = {str(name): _text(value) for name, value in settings.items()}
        if not (isinstance(threads, numbers.Real) and threads >= 1 and threads % 1 == 0):
            raise ValueError(f"Purifier: threads = {threads!r:.200} is not a number from 1")
        if memory is not None and not (isinstance(memory, numbers.Real) and 0 < memory < np.inf):
            raise ValueError(f"Purifier: memory = {memory!r:.200} is not a number of bytes")
        self.threads, self.memory = int(threads), memory
        self._options = core.make_options([_setting(*one) for one in self.settings.items()])
        self._begin()
        if core.load().bd_solver_options_snapshots(self._options) != 1:
            raise ValueError(
                f"Purifier: solver.iterations = {self.settings['solver.iterations']} is a list, "
                "and a Purifier takes one number; make one for each"
            )

    def _begin(self):
        """Start without solvers, in this process."""
        self._idle, self._process = collections.deque(), os.getpid()
        self._end = weakref.finalize(self, _free, self._idle, self._process, self._options)
        self._end.atexit = False

    def __reduce__(self):
        return type(self), (self.settings, self.threads, self.memory)

    def __repr__(self):
        memory = "" if self.memory is None else f", memory={self.memory}"
        return f"Purifier({self.settings}, threads={self.threads}{memory})"

    def __call__(self, x, report=False):
        """Purify images [n,C,H,W], float32 or float64 in [0,1].

        The result has their shape and type, and is NaN for an image that failed. With `report` it
        comes with an array of a record for each image: fields of per_image of a result that need
        neither victim nor labels; status_name() names a status. Without it a failure is warned
        of."""
        x = _images(x)
        y = np.empty(x.shape, x.dtype)
        records = np.zeros(len(x), core.record_type())

        def compute(solver, part):
            images = _pixels(x[part])
            purified, reports = np.empty(images.shape), self._reports(images)
            core.load().bd_solver_run(
                solver,
                len(images),
                *map(core.pointer, (images, purified)),
                None,
                core.pointer(reports),
                None,
                None,
            )
            y[part] = purified
            records[part] = _records(images, purified, reports)

        self._in_parts(x, compute)
        return (y, repack_fields(records)) if report else _warned(y, records)

    def vjp(self, x, ybar, purified=False, report=False):
        """The product of `ybar` with the Jacobian of the purified images at x.

        ybar is the derivative of a loss by the purified images. The result, float64 [n,C,H,W], is
        its exact derivative by x; NaN for an image that failed. With `purified` it comes with the
        purified images, which are computed once, in float64. With `report` it comes, last, with the
        array that a call of the Purifier gives, in which each record has a field more:
        adjoint_growth, how many times larger the adjoint of the potentials has been than at the
        last iteration. It is 1 where steps are stable. Where solver.tau is beyond safe_tau of an
        image a warning says so."""
        x = _images(x)
        ybar = _adjoints(x, ybar)
        y, gradient = np.empty(x.shape), np.empty(x.shape)
        records, growths = np.zeros(len(x), core.record_type()), np.empty(len(x))

        def compute(solver, part):
            images, adjoints = _pixels(x[part]), _doubles(ybar[part])
            reports, count = self._reports(images), len(images)
            arrays = images, adjoints, y[part], gradient[part], reports
            self._call_vjp(solver, count, *map(core.pointer, arrays))
            records[part] = _records(images, y[part], reports)
            core.load().bd_image_report_growths(count, *map(core.pointer, (reports, growths[part])))

        self._in_parts(x, compute)
        self._warn_of_long_steps(records)
        if not report:
            _warned(y, records)
        asked = (y,) * purified + (_with_growths(records, growths),) * report
        return (gradient, *asked) if asked else gradient

    def mean_vjp(self, x, ybar):
        """The product of `ybar` with the Jacobian of the mean of the marginals at x, float64.

        It is linear in ybar and costs little. An attacker may take it for vjp()."""
        x = _images(x)
        ybar = _adjoints(x, ybar)
        gradient = np.empty(x.shape)

        def compute(solver, part):
            arrays = _pixels(x[part]), _doubles(ybar[part]), gradient[part]
            core.call("bd_solver_mean_vjp", solver, len(arrays[0]), *map(core.pointer, arrays))

        self._in_parts(x, compute)
        return gradient

    def check_gradient(self):
        """Raise the ValueError of vjp() where these settings have no gradient."""
        with self._solver((1, LANES, LANES)) as solver:
            self._call_vjp(solver, 0, *[core.pointer(np.empty(1))] * 5)

    def _call_vjp(self, solver, count, *arrays):
        core.call("bd_solver_vjp_of", solver, count, *arrays, self.memory or 0)

    def _warn_of_long_steps(self, records):
        tau = core.load().bd_solver_options_tau(self._options)
        if (tau > records["safe_tau"]).any():  # no numbers, so that a loop is warned once
            warnings.warn(
                f"solver.tau = {tau:g} is beyond safe_tau of some images, whose gradient may grow "
                "with every iteration; report=True has safe_tau and adjoint_growth of each",
                RuntimeWarning,
                stacklevel=3,
            )

    def _solver(self, shape):
        if self._process != os.getpid():
            self._end.detach()
            self._begin()
        return core.borrowed(self._idle, self._options, shape, self.threads)

    @staticmethod
    def _reports(images):
        return np.zeros(len(images) * core.load().bd_image_report_size(), np.uint8)

    def _in_parts(self, x, compute):
        """Call compute(solver, slice) for all images, in as many threads as are allowed."""
        registers = -(-len(x) // (self.threads * LANES))
        piece = min(PIECE, max(1, registers) * LANES)
        parts = [slice(at, at + piece) for at in range(0, len(x), piece)]

        def work(part):
            with self._solver(x.shape[1:]) as solver:
                compute(solver, part)

        if self.threads == 1 or len(parts) == 1:
            for part in parts:
                work(part)
            return
        with concurrent.futures.ThreadPoolExecutor(self.threads) as pool:
            futures = [pool.submit(work, part) for part in parts]
            try:
                for future in futures:
                    future.result()
            finally:
                for future in futures:
                    future.cancel()


def _images(x):
    if np.ma.is_masked(x):
        raise ValueError("Purifier: images with masked pixels; fill them, as of x.filled(0)")
    try:
        x = np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise ValueError(f"Purifier: no array of images: {problem}") from None
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ValueError(f"Purifier: images of shape {x.shape}; allowed: [n, C, H, W]")
    if x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4):
        raise ValueError(
            f"Purifier: images of shape {x.shape}, whose channels are last; allowed: [n, C, H, W], "
            "as of x.transpose(0, 3, 1, 2)"
        )
    if x.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise ValueError(f"Purifier: images of {x.dtype}; allowed: float32 or float64 in [0,1]")
    return x


def _adjoints(x, ybar):
    ybar = np.asarray(ybar)
    if ybar.shape != x.shape or ybar.dtype.kind not in "fiu":
        raise ValueError(
            f"Purifier: ybar is {ybar.dtype} of shape {ybar.shape}; allowed: numbers of the "
            f"images' shape {x.shape}"
        )
    return ybar


def _doubles(array):
    return np.ascontiguousarray(array, np.float64)


def _pixels(images):
    """Images as float64, what rounding left beyond [0,1] clipped as barydef run does."""
    pixels = _doubles(images)
    if ((pixels < 0) | (pixels > 1)).any():
        pixels = np.array(pixels)
        core.load().bd_pixels_clip(pixels.size, core.pointer(pixels))
    return pixels


def _records(images, purified, reports):
    records = np.zeros(len(images), core.record_type())
    stored = purified.astype(np.float32)
    core.load().bd_per_image_measure(
        len(images),
        images[0].size,
        *map(core.pointer, (reports, images, stored, records)),
    )
    return records


def _with_growths(records, growths):
    """The records with the field adjoint_growth at their end."""
    packed = repack_fields(records)
    wider = np.empty(len(packed), [*packed.dtype.descr, ("adjoint_growth", growths.dtype)])
    for name in packed.dtype.names:
        wider[name] = packed[name]
    wider["adjoint_growth"] = growths
    return wider


def _warned(y, records):
    failed = np.flatnonzero(records["status"])
    if len(failed):
        why = status_name(records["status"][failed[0]])
        warnings.warn(
            f"{len(failed)} of {len(y)} images failed and are NaN: image {failed[0]} is {why}; "
            "report=True has the status of each",
            RuntimeWarning,
            stacklevel=3,
        )
    return y
