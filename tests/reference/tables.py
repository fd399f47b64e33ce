"""Makes docs/numerics.md, which says how exact each kernel is, and which one is fastest where.

    /usr/bin/python3 tests/reference/tables.py > docs/numerics.md      (about five minutes)

Errors are against twin.c in 80 bits.  Times are ratios within this one run."""

import statistics
import sys
import time

import numpy as np

import library
import reference
import twin
from comparison import stable_tau
from images import random_images

MARGINALS = "identity + rotate 2 + translate 1 0"


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def errors():
    rows = []
    for side, cost, window, last in (
        (12, "l1", 7, 2000),
        (28, "l1", 7, 2000),
        (28, "l1", "full", 2000),
        (28, "sql2", "full", 2000),
        (28, "l2", 7, 2000),
        (12, "l2", "full", 2000),
        (28, "l2", "full", 200),
    ):
        image = random_images(side, 1, 1, side, side)[0]
        counts = [count for count in (10, 200, 2000) if count <= last]
        for gamma in (1e-3, 0.005, 0.02, 0.1, 0.5, 1, 5, 50):
            options = dict(gamma=gamma, cost=cost, window=window)
            tau = stable_tau(image, 2000, marginals=MARGINALS, **options)
            wanted = twin.solve(
                image, reference.operators(MARGINALS), iterations=counts, tau=tau, **options
            )
            row = ["%s, %s" % (cost, window), "%d x %d" % (side, side), "%g" % gamma, "%.2g" % tau]
            for kernel in ("direct", "fftw"):
                purified, _, reports = library.solve(
                    image[None],
                    iterations=counts,
                    kernel=kernel,
                    tau=tau,
                    marginals=MARGINALS,
                    **options,
                )
                for s, w in enumerate(wanted):
                    error = np.abs(purified[s, 0] - w.image.astype(float)).max() / image.sum()
                    row.append("%.0e%s" % (error, " w" if reports[s][0].fallback else ""))
                row += ["-"] * (3 - len(counts))
            rows.append(row)
            print("size %d %s %s gamma %g" % (side, cost, window, gamma), file=sys.stderr)
    table(
        ["cost, window", "size", "gamma", "tau"]
        + [
            "%s, %d" % (kernel, count) for kernel in ("direct", "fftw") for count in (10, 200, 2000)
        ],
        rows,
    )


def cost_of(kernel, cost, window, side):
    """Nanoseconds per pixel, marginal and iteration; gamma 1, where no guard trips."""
    images = random_images(1, 8, 1, side, side)
    L = max(2, int(2e5 / side**2))
    options = dict(gamma=1, tau=1e-3, cost=cost, window=window, kernel=kernel)

    def solved(iterations):
        start = time.perf_counter()
        reports = library.solve(
            images, marginals="identity + rotate 2", iterations=[iterations], **options
        )[2]
        assert not any(r.fallback for r in reports[0])
        return time.perf_counter() - start

    times = []
    for _ in range(5):
        iterating = solved(L) - solved(0)
        times.append(iterating / (8 * side * side * 2 * L) * 1e9)
    return statistics.median(times)


def crossover():
    unit = min(cost_of("direct", "l1", 7, 28) for _ in range(3))
    rows = []
    for cost in ("l1", "sql2", "l2"):
        for window in (3, 7, 11, 15, 31, "full", "full, by taps"):
            if window == "full, by taps" and cost != "l1":
                continue
            row = [cost, str(window)]
            for side in (28, 64, 128, 224):
                if window == "full, by taps":
                    row.append("%.2g / -" % (cost_of("direct", cost, 2 * side - 1, side) / unit))
                    continue
                reach = min(window if window != "full" else 2 * side, 2 * side)
                too_long = cost == "l2" and reach**2 * side**2 > 4e8
                direct = None if too_long else cost_of("direct", cost, window, side) / unit
                fftw = cost_of("fftw", cost, window, side) / unit
                direct_text = "over 100" if direct is None else "%.2g" % direct
                fftw_text = "%.2g" % fftw
                if direct is not None and direct <= fftw:
                    direct_text = "**%s**" % direct_text
                else:
                    fftw_text = "**%s**" % fftw_text
                row.append("%s / %s" % (direct_text, fftw_text))
                print(cost, window, side, row[-1], file=sys.stderr)
            rows.append(row)
    table(["cost", "window", "28 x 28", "64 x 64", "128 x 128", "224 x 224"], rows)
    return unit


ERROR = """# How exact, and how fast, each kernel is

This page is for whoever checks the claims of [kernels.md](kernels.md). It was made by
`tests/reference/tables.py`.

## Error

Largest error of the purified image against the plain twin in 80 bits, relative to the mass of the
image. There are three marginals, and steps are half as long as the stability bound allows, at most
0.2. "direct, 200" is the direct way after L = 200 iterations. A `w` marks images whose guard sent
some of the iterations through wide-range arithmetic.
"""
TIME = """## Time

Time of an iteration per pixel and marginal, as a multiple of direct for l1, window 7, 28 x 28. Each
cell is direct / fftw, the faster one in bold. They are medians of five in one run on one machine,
repeatable to about a tenth, at gamma 1, where no guard trips. "Direct" is the two-pass recursion
for l1 on the full window; the row below has the same by taps.
"""

if __name__ == "__main__":
    print(ERROR)
    errors()
    print(TIME)
    unit = crossover()
    print("The unit was %.1f ns in this run." % unit)
