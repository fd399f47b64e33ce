"""twin.c as a numpy function with the signature of reference.solve.  It has 80-bit floats and is
fast enough for thousands of iterations on whole grids of parameters."""

import ctypes as c
import os

import numpy as np

import reference

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.environ.get("BARYDEF_TWIN", os.path.join(HERE, "../../build/tests"))
LIBRARIES = {
    np.longdouble: c.CDLL(os.path.join(FOLDER, "libtwin.so")),
    np.float64: c.CDLL(os.path.join(FOLDER, "libtwin_double.so")),
}
REGULARIZERS = ["data", "norm", "none"]


class Pass(c.Structure):
    _fields_ = [("ry", c.c_int), ("rx", c.c_int), ("weight", c.c_void_p)]


class Setting(c.Structure):
    _fields_ = [
        ("height", c.c_int),
        ("width", c.c_int),
        ("marginals", c.c_int),
        ("passes", c.c_int),
        ("passed", Pass * 2),
        ("gamma", c.c_double),
        ("theta", c.c_double),
        ("tau", c.c_double),
        ("regularizer", c.c_int),
        ("beta", c.c_void_p),
        ("x", c.c_void_p),
        ("q", c.c_void_p),
    ]


def weights(cost, gamma, ry, rx):
    offsets = [[(dy, dx) for dx in range(-rx, rx + 1)] for dy in range(-ry, ry + 1)]
    taps = np.array(
        [
            [reference.transport_cost(cost, dy, dx, np.longdouble) for dy, dx in row]
            for row in offsets
        ]
    )
    return np.exp(-taps / np.longdouble(gamma))


def solve(
    image,
    ops,
    gamma=0.02,
    theta=1e5,
    tau=0.2,
    iterations=(200,),
    cost="l1",
    window=7,
    regularizer="data",
    beta=None,
    dtype=np.longdouble,
):
    """image [1, H, W] -> [reference.Snapshot], one for each of the ascending iterations."""
    x = image[0].astype(dtype)
    height, width = x.shape
    q = reference.marginals(x, ops, dtype=dtype)
    mass, q = x.sum(), q / q.sum(axis=(1, 2), keepdims=True)
    x = x / mass
    beta = np.ones(len(ops), dtype) if beta is None else np.array(beta, dtype)
    beta = beta / beta.sum()
    half = max(height, width) if window == "full" else (window - 1) // 2
    ry, rx = min(half, height - 1), min(half, width - 1)
    shapes = [(0, rx), (ry, 0)] if cost in ("l1", "sql2") else [(ry, rx)]
    taps = [weights(cost, gamma, *shape).astype(dtype) for shape in shapes]
    setting = Setting(
        height=height,
        width=width,
        marginals=len(ops),
        passes=len(shapes),
        gamma=gamma,
        theta=theta,
        tau=tau,
        regularizer=REGULARIZERS.index(regularizer),
        beta=beta.ctypes.data,
        x=x.ctypes.data,
        q=q.ctypes.data,
    )
    for i, (shape, tap) in enumerate(zip(shapes, taps)):
        setting.passed[i] = Pass(*shape, tap.ctypes.data)
    counts = (c.c_int * len(iterations))(*iterations)
    mean = np.empty((len(iterations), height, width), dtype)
    figures = np.empty((len(iterations), 3), dtype)
    if LIBRARIES[dtype].twin_solve(
        c.byref(setting),
        len(iterations),
        counts,
        c.c_void_p(mean.ctypes.data),
        c.c_void_p(figures.ctypes.data),
    ):
        raise OverflowError("u spans more than these numbers do")
    return [
        reference.Snapshot(np.clip(mean[s] * mass, 0, 1)[None], mean[s][None], *figures[s])
        for s in range(len(iterations))
    ]
