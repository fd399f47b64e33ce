"""The public C API of libbarydef as numpy functions, through ctypes."""

import contextlib
import ctypes as c
import itertools
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = os.environ.get("BARYDEF_LIBRARY", os.path.join(HERE, "../../build/libbarydef.so"))
lib = c.CDLL(LIBRARY)

MARGINALS_MAX, SNAPSHOTS_MAX = 64, 64
KERNELS, METHODS = ["auto", "direct", "fftw"], ["fb", "fista"]
REGULARIZERS, MASSES = ["data", "norm", "none"], ["channel", "joint"]
INTERPOLATIONS = ["bilinear", "nearest"]
PRECISIONS, INSTRUCTIONS = ["double", "auto"], ["auto", "baseline", "avx2", "avx512"]


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("message", c.c_char * 1024)]


class Motion(c.Structure):
    _fields_ = [("kind", c.c_int), ("degrees", c.c_double), ("dx", c.c_double), ("dy", c.c_double)]


class MarginalSet(c.Structure):
    _fields_ = [("count", c.c_int), ("motions", Motion * MARGINALS_MAX)]


class Iterations(c.Structure):
    _fields_ = [("count", c.c_int), ("values", c.c_int * SNAPSHOTS_MAX)]


class Weights(c.Structure):
    _fields_ = [("count", c.c_int), ("values", c.c_double * MARGINALS_MAX)]


class ViewSource(c.Structure):
    _fields_ = [
        *((name, c.c_int) for name in ("count", "channels", "height", "width")),
        *((name, c.c_void_p) for name in ("attacked", "mean", "purified", "parameters")),
    ]


class Options(c.Structure):
    _fields_ = [
        ("gamma", c.c_double),
        ("theta", c.c_double),
        ("tau", c.c_double),
        ("iterations", Iterations),
        ("cost", c.c_int),
        ("kernel", c.c_int),
        ("method", c.c_int),
        ("tolerance", c.c_double),
        ("window", c.c_int),
        ("regularizer", c.c_int),
        ("mass", c.c_int),
        ("interpolation", c.c_int),
        ("marginals", MarginalSet),
        ("weights", Weights),
        ("precision", c.c_int),
        ("instructions", c.c_int),
        ("shortcuts", c.c_int),
    ]


class Report(c.Structure):
    _fields_ = [
        ("status", c.c_int),
        ("convergence", c.c_int),
        ("iterations", c.c_int),
        ("bits", c.c_int),
        ("fallback", c.c_int),
        ("residual", c.c_double),
        ("mass_defect", c.c_double),
        ("objective", c.c_double),
        ("evaluations_skipped", c.c_int64),
        ("safe_tau", c.c_double),
        ("adjoint_growth", c.c_double),
    ]


class Vjp(c.Structure):
    _fields_ = [
        ("count", c.c_int),
        *((name, c.c_void_p) for name in ("images", "adjoints", "purified", "gradients")),
        ("reports", c.POINTER(Report)),
        ("memory", c.c_double),
    ]


lib.bd_solver_run.restype = lib.bd_moved_free.restype = None
lib.bd_moved_create.restype, lib.bd_moved_create.argtypes = c.c_void_p, [c.c_double]
lib.bd_image_status_name.restype = lib.bd_convergence_name.restype = c.c_char_p
lib.bd_cost_name.restype = c.c_char_p
COSTS = [name.decode() for name in iter(map(lib.bd_cost_name, itertools.count()).__next__, None)]


class LibraryError(Exception):
    pass


def call(function, *arguments):
    error = Error()
    if function(*arguments, c.byref(error)) != 0:
        raise LibraryError(error.message.decode())


def pointer(array):
    return array.ctypes.data_as(c.c_void_p)


def marginal_set(text):
    chosen = MarginalSet()
    call(lib.bd_marginal_set_parse, text.encode(), c.byref(chosen))
    return chosen


def marginals(image, text, interpolation="bilinear"):
    image = np.ascontiguousarray(image, dtype=np.float64)
    chosen = marginal_set(text)
    out = np.empty((chosen.count,) + image.shape)
    for k in range(chosen.count):
        call(
            lib.bd_marginal_apply,
            c.byref(chosen.motions[k]),
            INTERPOLATIONS.index(interpolation),
            *image.shape,
            pointer(image),
            pointer(out[k]),
        )
    return out


def parameters(**values):
    """The parameters of a job with these values, named "section__key".  The process owns them."""
    values = {"input__file": "set.h5", "output__file": "result.h5", **values}
    text = "".join("[%s]\n%s = %s\n" % (*name.split("__"), values[name]) for name in values)
    job = c.c_void_p()
    call(lib.bd_job_parse, text.encode(), b"job", b"", 0, None, c.byref(job))
    lib.bd_job_point.restype = c.c_void_p
    return c.c_void_p(lib.bd_job_point(job, 0))


def view(name, images, **values):
    """What the victim is shown of attacked images [n,C,H,W]."""
    images = np.ascontiguousarray(images, dtype=np.float64)
    room, pixels = np.empty_like(images), c.POINTER(c.c_double)()
    lib.bd_view_name.restype = c.c_char_p
    view = next(v for v in range(32) if lib.bd_view_name(v) == name.encode())
    source = ViewSource(*images.shape, pointer(images), None, None, parameters(**values))
    call(lib.bd_view_make, view, c.byref(source), pointer(room), c.byref(pixels))
    return np.ctypeslib.as_array(pixels, images.shape).copy()


def blur(image, sigma):
    return view("blurred", image[None, None], baseline__blur_sigma=sigma)[0, 0]


@contextlib.contextmanager
def shared_moves():
    """What solvers of the same images share."""
    moved = c.c_void_p(lib.bd_moved_create(1e9))
    yield moved
    lib.bd_moved_free(moved)


def options_of(
    marginals="B6",
    gamma=0.02,
    theta=1e5,
    tau=0.2,
    iterations=(200,),
    cost="l1",
    kernel="auto",
    window=7,
    regularizer="data",
    mass="channel",
    interpolation="bilinear",
    weights=(),
    method="fb",
    tolerance=0.0,
    precision="double",
    instructions="auto",
    shortcuts=1,
):
    options = Options(
        gamma=gamma,
        theta=theta,
        tau=tau,
        cost=COSTS.index(cost),
        kernel=KERNELS.index(kernel),
        method=METHODS.index(method),
        tolerance=tolerance,
        window=0 if window == "full" else window,
        regularizer=REGULARIZERS.index(regularizer),
        mass=MASSES.index(mass),
        interpolation=INTERPOLATIONS.index(interpolation),
        marginals=marginal_set(marginals),
        precision=PRECISIONS.index(precision),
        instructions=INSTRUCTIONS.index(instructions),
        shortcuts=shortcuts,
    )
    options.iterations.count = len(iterations)
    options.iterations.values[: len(iterations)] = list(iterations)
    options.weights.count = len(weights)
    options.weights.values[: len(weights)] = list(weights)
    return options


@contextlib.contextmanager
def solver(shape, moved=None, **values):
    """A solver of images [C][H][W]."""
    created, options = c.c_void_p(), options_of(**values)
    call(lib.bd_solver_create, c.byref(options), *shape, moved, c.byref(created))
    yield created
    lib.bd_solver_destroy(created)


def solve(images, iterations=(200,), moved=None, **values):
    """images [n][C][H][W] -> purified [L][n][C][H][W], mean [n][C][H][W], reports [L][n].

    `moved` comes from shared_moves() and is for the same images."""
    images = np.ascontiguousarray(images, dtype=np.float64)
    n = len(images)
    purified = np.empty((len(iterations),) + images.shape)
    mean = np.empty_like(images)
    reports = (Report * (n * len(iterations)))()
    with solver(images.shape[1:], moved, iterations=iterations, **values) as created:
        lib.bd_solver_run(
            created, n, pointer(images), pointer(purified), pointer(mean), reports, None, None
        )
    return purified, mean, [list(reports[i * n : (i + 1) * n]) for i in range(len(iterations))]


def evaluated(height, width, iterations=(200,), **values):
    """Marginals that an iteration is expected to evaluate."""
    lib.bd_solver_evaluated.restype = c.c_double
    return lib.bd_solver_evaluated(
        c.byref(options_of(iterations=iterations, **values)), height, width
    )


def vjp_of(created, images, adjoints, snapshots=1, memory=0.0):
    """images, adjoints [n][C][H][W] -> gradients of that shape, purified [L][n][C][H][W], and the
    reports [n] of the last snapshot."""
    images, adjoints = (np.ascontiguousarray(a, dtype=np.float64) for a in (images, adjoints))
    n = len(images)
    purified, gradients = np.empty((snapshots,) + images.shape), np.empty_like(images)
    reports = (Report * (n * snapshots))()
    task = Vjp(n, *map(pointer, (images, adjoints, purified, gradients)), reports, memory)
    call(lib.bd_solver_vjp, created, c.byref(task))
    return gradients, purified, list(reports[(snapshots - 1) * n :])


def vjp(images, adjoints, iterations=(200,), memory=0.0, **values):
    """The same by a solver of its own."""
    with solver(images.shape[1:], iterations=iterations, **values) as created:
        return vjp_of(created, images, adjoints, len(iterations), memory)
