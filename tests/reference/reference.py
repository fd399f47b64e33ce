"""Reference implementation of regularized Wasserstein barycenter purification.

An image is replaced by the entropic Wasserstein barycenter of N slightly moved
copies of itself (its marginals), found by forward-backward steps on the smooth
dual problem of Cuturi and Peyre ("A smoothed dual approach for variational
Wasserstein problems", SIIMS 2016).  Everything that could overflow is kept as a
logarithm, and the default number type is the 80 bit extended float, so the
results can serve as a yardstick for faster implementations.

The steps are only stable while tau is small against gamma / max(p).  Beyond that
(sparse or small images, gamma near 1e-3, many iterations) the iteration amplifies
rounding without bound, and no two number types need agree; compare two of them
here before trusting digits.

Array layout: images [C, H, W]; marginals and p_k [C, N, H, W]; dual potentials
u [C, N-1, H, W] and v [C, H, W].  Run as a program, it checks itself.
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

    The value is summed over pixels; leading axes are independent problems.
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

    # Scaling to mass 1.  A zero mass divides by 1 instead: zeros stay zeros.
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


# -------------------------------------------------------------- self-checks


def self_check():
    from scipy.ndimage import affine_transform

    rng = np.random.default_rng(1)
    failures = []

    def check(name, error, limit):
        good = bool(error <= limit)
        print("%-4s %-58s %.2e (limit %.0e)" % ("ok" if good else "FAIL", name, error, limit))
        if not good:
            failures.append(name)

    def difference(a, b):
        return float(abs(a - b).max())

    def blob(channels, height, width):
        """Positive noise on a zero background."""
        z = rng.random((channels, height, width))
        return np.where(rng.random(z.shape) < 0.5, z, 0)

    # Marginals against scipy, on even, odd and non-square images.
    ops = operators(
        "identity + rotate 2 + rotate -3 + rotate 37.5"
        " + translate 3 0 + translate -1.3 0.6 + translate 0 40"
    )
    for kind, order in (("bilinear", 1), ("nearest", 0)):
        worst = 0.0
        for height, width in ((28, 28), (17, 24), (9, 9), (1, 6)):
            z = rng.random((height, width))
            centre = (np.array([height, width]) - 1) / 2
            for op, ours in zip(ops, marginals(z, ops, kind)):
                if op[0] == "rotate":
                    t = np.deg2rad(op[1])
                    matrix = np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
                    offset = centre - matrix @ centre
                else:
                    matrix = np.eye(2)
                    offset = -np.array(op[:0:-1]) if len(op) == 3 else np.zeros(2)
                theirs = affine_transform(
                    z, matrix, offset, order=order, mode="grid-constant", cval=0
                )
                worst = max(worst, difference(ours, theirs))
        check("%s marginals = scipy affine_transform" % kind, worst, 1e-12)
    z = rng.random((8, 8))
    check(
        "rotate 90 is counter-clockwise on screen",
        difference(marginals(z, [("rotate", 90)])[0], np.rot90(z)),
        1e-15,
    )
    z = np.zeros((5, 5))
    z[2, 2] = 1
    check(
        "translate 2 1 moves right by 2, down by 1",
        abs(1 - marginals(z, [("translate", 2, 1)])[0, 3, 4]),
        0,
    )
    check(
        "parsed text = named sets",
        operators("identity + rotate +2 + rotate -2 + translate 3 0") != operators("B4"),
        0,
    )

    # With a tiny gamma and few iterations nothing is transported.
    z = blob(1, 28, 28)
    q = marginals(z[0], operators("B6"))
    q = q / q.sum(axis=(1, 2), keepdims=True)
    r = solve(z, operators("B6"), gamma=1e-3, iterations=[0, 5])
    check(
        "gamma 0.001: p = mean of the marginals, L = 0",
        difference(r[0].p[0], q.mean(axis=0)),
        1e-15,
    )
    check(
        "gamma 0.001: p = mean of the marginals, L = 5",
        difference(r[1].p[0], q.mean(axis=0)),
        1e-15,
    )

    # Mass.
    z = blob(3, 12, 11)
    for gamma, window in ((1e-3, 7), (0.1, 5), (1, "full"), (50, "full")):
        for kind in ("channel", "joint"):
            r = solve(z, operators("B6"), gamma=gamma, window=window, mass=kind, iterations=[40])
            check(
                "mass kept, gamma %g window %s mass %s" % (gamma, window, kind),
                float(r[0].mass_defect),
                1e-15,
            )
    r = solve(z, operators("B6"), gamma=1e-3, tau=1e4, theta=1, iterations=[20])
    check(
        "huge u/gamma: all finite",
        0 if np.isfinite(r[0].p).all() and np.isfinite(r[0].objective) else 1,
        0,
    )
    check("huge u/gamma: mass kept", float(r[0].mass_defect), 1e-12)

    # Number types.
    for window in (7, "full"):
        a, b = (
            solve(z, operators("B6"), gamma=0.1, window=window, iterations=[100], dtype=t)[0]
            for t in (np.longdouble, np.float64)
        )
        check("longdouble = float64 at gamma 0.1, window %s" % window, difference(a.p, b.p), 1e-12)

    # 2-d taps against row and column passes: log(K f) itself, for f spread over
    # hundreds of orders of magnitude and zero in places, then whole solutions.
    small = blob(2, 7, 6)
    log_f = safe_log(small) + 300 * rng.standard_normal(small.shape)
    log_f = log_f.astype(np.longdouble)
    log_f[0, :, :3] = -np.inf
    for cost in ("l1", "sql2"):
        for window in (1, 3, 5, 21, "full"):
            worst = 0.0
            for gamma in (1e-3, 0.1, 50):
                a, b = (
                    GibbsKernel(7, 6, gamma, cost, window, np.longdouble, s).log_apply(log_f)
                    for s in (True, False)
                )
                same_zeros = (np.isneginf(a) == np.isneginf(b)).all()
                a, b = (np.where(np.isneginf(t), 0, t) for t in (a, b))
                error = difference(a, b) / float(abs(b).max())
                worst = max(worst, error if same_zeros else np.inf)
            check("kernel: separable = 2-d, %s window %s (relative)" % (cost, window), worst, 1e-18)
            a, b = (
                solve(
                    small,
                    operators("B4"),
                    gamma=0.1,
                    cost=cost,
                    window=window,
                    iterations=[15],
                    separable=s,
                )[0]
                for s in (True, False)
            )
            check(
                "solution: separable = 2-d, %s window %s" % (cost, window),
                max(difference(a.p, b.p), abs(float(a.objective - b.objective))),
                1e-16,
            )

    # The same formulas with a dense matrix K and no logarithms.
    for cost in ("l1", "l2", "sql2"):
        for window in (3, "full"):
            for regularizer in ("data", "norm", "none"):
                check(
                    "plain dense formulas, %s window %s %s" % (cost, window, regularizer),
                    dense_error(small[:1], cost, window, regularizer),
                    1e-13,
                )

    # Gradient of H*: central differences along random directions.
    for cost, window, gamma in (("l1", 3, 0.1), ("l2", "full", 1), ("sql2", 5, 10)):
        kernel = GibbsKernel(7, 6, gamma, cost, window, np.longdouble)
        q = (small[0] / small[0].sum()).astype(np.longdouble)
        gamma = np.longdouble(gamma)
        u, d = rng.standard_normal((2, 7, 6)).astype(np.longdouble)
        step = np.longdouble(1e-5) * gamma
        up, _ = dual_value_and_gradient(u + step * d, q, kernel, gamma)
        down, _ = dual_value_and_gradient(u - step * d, q, kernel, gamma)
        _, g = dual_value_and_gradient(u, q, kernel, gamma)
        check(
            "grad H* by finite differences, %s window %s" % (cost, window),
            abs(float((up - down) / (2 * step) - (g * d).sum())),
            1e-9,
        )

    # Forward-backward descends when tau is small, and reaches p_k = p.
    for regularizer in ("data", "norm", "none"):
        r = solve(
            small,
            operators("B4"),
            gamma=0.5,
            tau=0.05,
            theta=10,
            window="full",
            regularizer=regularizer,
            iterations=range(0, 61),
        )
        values = np.array([s.objective for s in r])
        check("objective decreases, %s" % regularizer, max(0, float(np.diff(values).max())), 0)
        check("residual shrinks, %s" % regularizer, float(r[-1].residual / r[0].residual), 1)
    r = solve(small[:1], operators("B4"), gamma=2, tau=8, theta=1, window="full", iterations=[2000])
    check("p_k agree after many iterations", float(r[0].residual), 1e-8)

    # Interface details.
    r = solve(small, operators("B4"), gamma=0.2, iterations=[7, 0, 3, 7])
    one = solve(small, operators("B4"), gamma=0.2, iterations=[3])
    check("snapshots = separate runs", difference(r[2].p, one[0].p), 0)
    check("repeated snapshots agree", difference(r[0].p, r[3].p), 0)
    a = solve(small, operators("B4"), gamma=0.2, iterations=[9], beta=[2, 2, 2, 2])
    b = solve(small, operators("B4"), gamma=0.2, iterations=[9])
    check("beta is normalised", difference(a[0].p, b[0].p), 1e-18)
    z = small.copy()
    z[1] = 0
    for kind in ("channel", "joint"):
        r = solve(z, operators("B4"), gamma=0.2, iterations=[9], mass=kind)
        check("zero channel stays zero, mass %s" % kind, float(abs(r[0].image[1]).max()), 0)
    r = solve(small, [("identity",)], gamma=1e-3, iterations=[9])
    check(
        "one identity marginal, tiny gamma: image unchanged", difference(r[0].image, small), 1e-15
    )
    return failures


def dense_error(image, cost, window, regularizer):
    """Largest deviation of solve from the formulas written with matrices."""
    gamma, theta, tau, L = 0.7, 2.0, 0.3, 12
    beta = np.array([0.4, 0.3, 0.2, 0.1])
    ops = operators("B4")
    height, width = image.shape[1:]
    result = solve(image, ops, gamma, theta, tau, [L], cost, window, regularizer, beta=beta * 5)[0]

    y, x = (g.ravel() for g in np.mgrid[:height, :width])
    dy, dx = abs(y[:, None] - y), abs(x[:, None] - x)
    C = {"l1": dy + dx, "l2": np.hypot(dy, dx), "sql2": dy**2 + dx**2}[cost]
    K = np.exp(-C / gamma)
    if window != "full":
        K[np.maximum(dy, dx) > (window - 1) // 2] = 0
    x = image.ravel() / image.sum()
    q = [m.ravel() / m.sum() for m in marginals(image[0], ops).astype(np.float64)]
    u, v = [np.zeros(x.size) for _ in range(3)], np.zeros(x.size)

    def evaluate():
        u_N = -v / beta[3] - sum(beta[k] / beta[3] * u[k] for k in range(3))
        F, p = 0.0, []
        for k, u_k in enumerate(u + [u_N]):
            a = np.exp(u_k / gamma)
            entropy = -sum(t * np.log(t) for t in q[k] if t > 0)
            F += beta[k] * gamma * (entropy + q[k] @ np.log(K @ a))
            p.append(a * (K @ (q[k] / (K @ a))))
        return F, p

    for _ in range(L):
        _, p = evaluate()
        for k in range(3):
            u[k] = u[k] - tau * beta[k] * (p[k] - p[3])
        if regularizer == "data":
            v = (v + tau * p[3] - tau * x) / (1 + tau / theta)
        elif regularizer == "norm":
            v = (v + tau * p[3]) / (1 + tau / theta)
    F, p = evaluate()
    mean = sum(p) / 4
    J = {"data": v @ v / (2 * theta) + v @ x, "norm": v @ v / (2 * theta), "none": 0.0}[regularizer]
    residual = max(abs(t - mean).sum() for t in p)
    return max(
        float(abs(result.p.ravel() - mean).max()),
        abs(float(result.objective) - (F + J)),
        abs(float(result.residual) - residual),
    )


if __name__ == "__main__":
    import sys

    failed = self_check()
    print("%d failed" % len(failed))
    sys.exit(1 if failed else 0)
