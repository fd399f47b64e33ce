"""Reference implementation of regularized Wasserstein barycenter purification.

An image is replaced by the entropic Wasserstein barycenter of N slightly moved
copies of itself (its marginals), found by forward-backward steps on the smooth
dual problem of Cuturi and Peyre ("A smoothed dual approach for variational
Wasserstein problems", SIIMS 2016).  Everything that could overflow is kept as a
logarithm, and the default number type is the 80 bit extended float, so the
results can serve as a yardstick for faster implementations.

The steps are only stable while tau is small against gamma / max(p).  Beyond that
(sparse or small images, gamma near 1e-3, many iterations) the iteration amplifies
rounding without bound, and no two number types need agree.  Compare two of them
before trusting digits.

Array layout: images [C, H, W]; marginals and p_k [C, N, H, W]; dual potentials
u [C, N-1, H, W] and v [C, H, W].
"""

import re
from collections import namedtuple

import numpy as np

NAMED_SETS = {
    "B6": [
        ("identity",),
        ("rotate", 2.0),
        ("rotate", -2.0),
        ("rotate", 3.0),
        ("rotate", -3.0),
        ("translate", 3.0, 0.0),
    ],
    "B4": [("identity",), ("rotate", 2.0), ("rotate", -2.0), ("translate", 3.0, 0.0)],
}

ARGUMENT_COUNT = {"identity": 0, "rotate": 1, "translate": 2}

Snapshot = namedtuple("Snapshot", "image p residual mass_defect objective")


# ---------------------------------------------------------------- marginals


def operators(name_or_text):
    """'B4', 'B6', or e.g. 'identity + rotate 2 + rotate -2 + translate 3 0'."""
    text = name_or_text.strip()
    if text in NAMED_SETS:
        return list(NAMED_SETS[text])
    ops = []
    for term in re.split(r"\s+\+\s+", text):
        kind, *arguments = term.split()
        if ARGUMENT_COUNT.get(kind) != len(arguments):
            raise ValueError("bad marginal operator: %r" % term)
        ops.append((kind, *(float(a) for a in arguments)))
    return ops


def source_coordinates(op, height, width, dtype):
    """For every output pixel, the (row, column) at which the input is sampled."""
    y, x = np.meshgrid(
        np.arange(height).astype(dtype), np.arange(width).astype(dtype), indexing="ij"
    )
    if op[0] == "identity":
        return y, x
    if op[0] == "translate":  # out(y, x) = in(y-dy, x-dx)
        dx, dy = dtype(op[1]), dtype(op[2])
        return y - dy, x - dx
    if op[0] == "rotate":
        # Counter-clockwise on screen.  With X = x - cx to the right and
        # Y = -(y - cy) upwards, the inverse of (X,Y) -> (cX - sY, sX + cY) is
        # (X,Y) -> (cX + sY, -sX + cY); back in rows and columns:
        angle = dtype(op[1]) * (4 * np.arctan(dtype(1))) / 180
        c, s = np.cos(angle), np.sin(angle)
        cy, cx = dtype(height - 1) / 2, dtype(width - 1) / 2
        return (cy + s * (x - cx) + c * (y - cy), cx + c * (x - cx) - s * (y - cy))
    raise ValueError("unknown marginal operator: %r" % (op,))


def pixel_or_zero(image, row, column):
    """image[row, column] for integer index arrays, 0 outside the image."""
    height, width = image.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return np.where(inside, image[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)], 0)


def marginal(image, op, interpolation, dtype):
    """A_k x for one operator and one channel."""
    y, x = source_coordinates(op, *image.shape, dtype)
    if interpolation == "nearest":
        half = dtype(1) / 2
        return pixel_or_zero(image, np.floor(y + half).astype(int), np.floor(x + half).astype(int))
    if interpolation != "bilinear":
        raise ValueError("unknown interpolation: %r" % interpolation)
    y0, x0 = np.floor(y), np.floor(x)
    fy, fx = y - y0, x - x0  # fractions in [0, 1)
    y0, x0 = y0.astype(int), x0.astype(int)
    return (
        (1 - fy) * (1 - fx) * pixel_or_zero(image, y0, x0)
        + (1 - fy) * fx * pixel_or_zero(image, y0, x0 + 1)
        + fy * (1 - fx) * pixel_or_zero(image, y0 + 1, x0)
        + fy * fx * pixel_or_zero(image, y0 + 1, x0 + 1)
    )


def marginals(image, ops, interpolation="bilinear", dtype=np.longdouble):
    """All A_k x of one channel [H, W], as [N, H, W], not scaled."""
    image = np.asarray(image).astype(dtype)
    return np.stack([marginal(image, op, interpolation, dtype) for op in ops])


# ------------------------------------------------------------- Gibbs kernel


def safe_log(z):
    """log z with log 0 = -inf and no warning."""
    with np.errstate(divide="ignore"):
        return np.log(z)


def shifted(dy, dx, height, width):
    """Slices (output, input) pairing pixel (y, x) with pixel (y+dy, x+dx)."""
    out = (..., slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx)))
    inp = (..., slice(max(0, dy), height - max(0, -dy)), slice(max(0, dx), width - max(0, -dx)))
    return out, inp


def log_sum_over_taps(f, taps):
    """out(y,x) = log sum over taps (dy, dx, w) of exp(w + f(y+dy, x+dx)).

    Only pixels inside the image take part.  The maximum is found first, then
    the sum of exponentials relative to it.
    """
    height, width = f.shape[-2:]
    largest = np.full_like(f, -np.inf)
    for dy, dx, w in taps:
        out, inp = shifted(dy, dx, height, width)
        largest[out] = np.maximum(largest[out], w + f[inp])
    largest[np.isneginf(largest)] = 0  # every term is exp(-inf) = 0
    total = np.zeros_like(f)
    for dy, dx, w in taps:
        out, inp = shifted(dy, dx, height, width)
        total[out] += np.exp(w + f[inp] - largest[out])
    return largest + safe_log(total)


def transport_cost(name, dy, dx, dtype):
    dy, dx = dtype(dy), dtype(dx)
    if name == "l1":
        return abs(dy) + abs(dx)
    if name == "l2":
        return np.sqrt(dy * dy + dx * dx)
    if name == "sql2":
        return dy * dy + dx * dx
    raise ValueError("unknown cost: %r" % name)


class GibbsKernel:
    """K = exp(-C/gamma) between the pixels of an H x W image, in logarithms.

    Costs 'l1' and 'sql2' are a sum of a row part and a column part, and the
    window is a square, so K f is a pass along rows followed by one along
    columns.  separable=False asks for the plain sum over all 2-d offsets.
    """

    def __init__(self, height, width, gamma, cost, window, dtype, separable=True):
        if window == "full":
            reach_y, reach_x = height - 1, width - 1
        elif window == int(window) and window >= 1 and window % 2 == 1:
            half = (int(window) - 1) // 2
            reach_y, reach_x = min(half, height - 1), min(half, width - 1)
        else:
            raise ValueError("window must be 'full' or odd: %r" % (window,))
        rows = range(-reach_y, reach_y + 1)
        columns = range(-reach_x, reach_x + 1)

        def tap(dy, dx):
            return dy, dx, -transport_cost(cost, dy, dx, dtype) / dtype(gamma)

        if separable and cost in ("l1", "sql2"):
            self.passes = [[tap(dy, 0) for dy in rows], [tap(0, dx) for dx in columns]]
        else:
            self.passes = [[tap(dy, dx) for dy in rows for dx in columns]]

    def log_apply(self, log_f):
        """log(K f) from log f, over the last two axes.  K is symmetric."""
        for taps in self.passes:
            log_f = log_sum_over_taps(log_f, taps)
        return log_f


# ------------------------------------------------------- smoothed dual terms


def dual_value_and_gradient(u, q, kernel, gamma):
    """H*_q(u) and grad H*_q(u) = a . K(q / K a), a = exp(u/gamma).

    The value is summed over pixels.  Leading axes are independent problems.
    """
    log_a = u / gamma
    log_q = safe_log(q)
    log_Ka = kernel.log_apply(log_a)
    gradient = np.exp(log_a + kernel.log_apply(log_q - log_Ka))
    q_log_q = q * np.where(q > 0, log_q, 0)  # 0 log 0 = 0
    value = gamma * (-q_log_q + q * log_Ka).sum(axis=(-2, -1))
    return value, gradient


def solve(
    image,
    ops,
    gamma=0.02,
    theta=1e5,
    tau=0.2,
    iterations=[200],
    cost="l1",
    window=7,
    regularizer="data",
    mass="channel",
    interpolation="bilinear",
    beta=None,
    dtype=np.longdouble,
    separable=True,
):
    """Barycenter of the marginals of image [C, H, W] after each iteration count.

    Returns one Snapshot per entry of iterations, in the same order: image
    (scaled back, clipped to [0, 1]), p (mass-scaled), residual (largest
    sum |p_k - p|), mass_defect (largest |sum p_k - sum q_k|) and objective
    (the dual F + J*, summed over channels).
    """
    if regularizer not in ("data", "norm", "none"):
        raise ValueError("unknown regularizer: %r" % regularizer)
    if mass not in ("channel", "joint"):
        raise ValueError("unknown mass: %r" % mass)
    image = np.asarray(image).astype(dtype)
    channels, height, width = image.shape
    N = len(ops)
    gamma, theta, tau = dtype(gamma), dtype(theta), dtype(tau)

    beta = np.ones(N, dtype) if beta is None else np.asarray(beta).astype(dtype)
    if beta.shape != (N,) or (beta < 0).any() or not beta[-1] > 0:
        raise ValueError("need N weights >= 0, the last one > 0")
    beta = beta / beta.sum()

    # Scaling to mass 1.  A zero mass divides by 1 instead, so that zeros stay zeros.
    q = np.stack([marginals(c, ops, interpolation, dtype) for c in image])
    x_mass = image.sum(axis=(1, 2), keepdims=True)  # [C, 1, 1]
    q_mass = q.sum(axis=(2, 3), keepdims=True)  # [C, N, 1, 1]
    if mass == "joint":
        x_mass = x_mass.sum(axis=0, keepdims=True)  # [1, 1, 1]
        q_mass = q_mass.sum(axis=0, keepdims=True)  # [1, N, 1, 1]
    x = image / np.where(x_mass > 0, x_mass, 1)
    q = q / np.where(q_mass > 0, q_mass, 1)

    kernel = GibbsKernel(height, width, gamma, cost, window, dtype, separable)
    u = np.zeros((channels, N - 1, height, width), dtype)
    v = np.zeros((channels, height, width), dtype)
    b = beta[:-1, None, None]  # beta_k, k < N

    snapshots = {}
    for done in range(max(iterations) + 1):
        u_N = -v / beta[-1] - (b / beta[-1] * u).sum(axis=1)
        all_u = np.concatenate([u, u_N[:, None]], axis=1)  # [C, N, H, W]
        h, p_k = dual_value_and_gradient(all_u, q, kernel, gamma)

        if done in iterations:
            p = p_k.mean(axis=1)
            if regularizer == "data":
                j = (v * v).sum() / (2 * theta) + (v * x).sum()
            elif regularizer == "norm":
                j = (v * v).sum() / (2 * theta)
            else:
                j = dtype(0)
            snapshots[done] = Snapshot(
                image=np.clip(p * x_mass, 0, 1),
                p=p,
                residual=abs(p_k - p[:, None]).sum(axis=(2, 3)).max(),
                mass_defect=abs(p_k.sum(axis=(2, 3)) - q.sum(axis=(2, 3))).max(),
                objective=(beta * h).sum() + j,
            )

        p_N = p_k[:, -1]
        u = u - tau * b * (p_k[:, :-1] - p_N[:, None])
        if regularizer == "data":
            v = (v + tau * p_N - tau * x) / (1 + tau / theta)
        elif regularizer == "norm":
            v = (v + tau * p_N) / (1 + tau / theta)
    return [snapshots[count] for count in iterations]
