"""How fast the solver is, beside what this machine can do at best and beside PyTorch and POT.

    cmake --build build --target bench            (some ten minutes)

Prints Markdown.  All figures come from this one run and from one core.  Costs are nanoseconds of the processor per pixel, marginal and
iteration; medians of the rounds, with the least and the most in brackets.  Each round measures everything once, so
that a disturbance meets all alike; still, only ratios mean something on another machine, or another day."""

import ctypes as c
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# What OpenBLAS 0.3.21 takes newer processors for would make the others many times slower; set before numpy loads it.
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
import library
import numpy as np
from support import ENVIRONMENT, MPIRUN
from images import random_images

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 7))
AUTHORS = (
    150  # ns: the authors' released PyTorch code (float32) on a core of this kind, measured once,
)
YARDSTICK = 26  # beside a careful PyTorch version (float64, many images at once)
CAREFUL = "PyTorch, with care (float64, 64 images at once)"


class Limits(c.Structure):
    _fields_ = [(name, c.c_double) for name in ("exponential", "quotient", "pass_", "planes")]


def limits(instructions, precision="double", side=28):
    ours = c.CDLL(os.environ["BARYDEF_LIMITS"])
    out = Limits()
    getattr(ours, "bd_limits_" + instructions + ("" if precision == "double" else "_single"))(
        side, side, c.byref(out)
    )
    return [out.exponential, out.quotient, 4 * out.pass_, out.planes]


def timed(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def cost(side=28, images=64, L=None, marginals="B6", fallback=0, bits=64, **options):
    """A function that measures one setting once: the difference between L iterations and none."""
    pixels = random_images(1, min(images, 16), 1, side, side)
    pixels = np.concatenate([pixels] * max(1, images // 16))[:images]
    L = L or max(8, int(200 * 28 * 28 / side**2))
    options = dict(dict(gamma=0.5, tau=1e-3), **options, marginals=marginals)
    N, short = library.marginal_set(marginals).count, float("inf")

    def measure():
        nonlocal short
        long, (_, _, reports) = timed(lambda: library.solve(pixels, iterations=[L], **options))
        # The least that was seen: one that was disturbed would make iterations look cheap.
        short = min(
            short,
            *(timed(lambda: library.solve(pixels, iterations=[0], **options))[0] for _ in range(2))
        )
        assert all(
            (r.status, r.fallback, r.bits) == (0, fallback, bits) for r in reports[0]
        ), "not the way that was meant"
        return (long - short) / (images * side * side * N * L) * 1e9

    return measure


def torch_costs(gamma=0.5, L=20):
    """Costs of the PyTorch versions, each checked against the library first."""
    import plain
    import torch

    torch.set_num_threads(1)
    # As barydef does for its victims: glibc would give tensors back to the system at each step, and torch be eight times as slow.
    M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
    c.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 30)
    c.CDLL(None).mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    images = random_images(2, 64, 1, 28, 28)
    q = np.stack([library.marginals(i[0], "B6") for i in images], 1)
    q /= q.sum((2, 3), keepdims=True)
    mass = images.sum((2, 3))[:, :, None]
    x = images[:, 0] / mass
    wanted = library.solve(images, gamma=gamma, iterations=[L])[0][0, :, 0]
    q64, x64 = torch.tensor(q), torch.tensor(x)
    q32, x32 = q64.float(), x64.float()

    def run_plain(count=2, steps=L):
        return [plain.plain(q32[:, i], x32[i], steps, gamma) for i in range(count)]

    def run_careful(steps=L):
        return plain.careful(q64, x64, steps, gamma)

    def run_tuned(steps=L):
        return plain.tuned(q64, x64, steps, gamma)

    with torch.inference_mode():
        for run in (run_careful, run_tuned):
            assert abs(np.clip(run().numpy() * mass, 0, 1) - wanted).max() < 1e-12
        assert abs(np.clip(run_plain()[0].numpy() * mass[0], 0, 1) - wanted[0]).max() < 1e-5

    def per_pixel(run, count):
        def measure():
            with torch.inference_mode():
                return (
                    (timed(run)[0] - timed(lambda: run(steps=0))[0]) / (count * 784 * 6 * L) * 1e9
                )

        return measure

    return {
        "PyTorch, as one writes it (float32, image by image)": per_pixel(run_plain, 2),
        CAREFUL: per_pixel(run_careful, 64),
        "PyTorch, as fast as we could (float64, 64 images, in place)": per_pixel(run_tuned, 64),
    }


def pot_cost(iterations=50):
    """POT's convolutional barycenter of 6 images: two kernel applications for each of them and an iteration, as here."""
    import ot

    images = library.marginals(random_images(3, 1, 1, 28, 28)[0, 0], "B6") + 1e-6
    images /= images.sum((1, 2), keepdims=True)

    def measure():
        def run(count):
            return timed(
                lambda: ot.bregman.convolutional_barycenter2d(
                    images, reg=0.004, numItermax=count, stopThr=0, warn=False
                )
            )[0]

        return (run(iterations) - run(1)) / (784 * 6 * (iterations - 1)) * 1e9

    return measure


def counted(few, many, *setting):
    """Instructions of the AVX2 path that iterations beyond `few` take, and misses of a first cache of 32 KiB: no clock, so no noise."""
    counts = []
    for L in few, many:
        said = subprocess.run(
            [
                "valgrind",
                "--tool=cachegrind",
                "--cache-sim=yes",
                "--cachegrind-out-file=/dev/null",
                "--D1=32768,8,64",
                "--LL=1048576,16,64",
                os.environ["BARYDEF_COUNT"],
                str(L),
                *setting,
            ],
            capture_output=True,
            text=True,
        )
        assert said.returncode == 0, said.stderr
        counts.append(
            [
                int(re.search(name + r" *: *([\d,]+)", said.stderr)[1].replace(",", ""))
                for name in ("I +refs", "D1 +misses")
            ]
        )
    return [after - before for before, after in zip(*counts)]


def instructions():
    """Per pixel, marginal and iteration."""
    return counted(16, 48)[0] / (8 * 784 * 6 * 32)


def besides(L=200, rounds=15):
    """What is not iterating - solver, marginals, masses, the store of results - in percent of L iterations: points of a sweep over
    four gammas, each alone and sharing the moved images."""
    pixels = random_images(4, 64, 1, 28, 28)

    def sweep(moved, steps):
        for gamma in (0.02, 0.05, 0.1, 0.2):
            library.solve(pixels, iterations=[steps], gamma=gamma, moved=moved)

    def shared(steps):
        with library.shared_moves() as moved:
            sweep(moved, steps)

    found = []
    for _ in range(rounds):
        alone, together, whole = (
            timed(run)[0] for run in (lambda: sweep(None, 0), lambda: shared(0), lambda: shared(L))
        )
        found.append((100 * alone / whole, 100 * together / whole, together / alone))
    return list(zip(*found))


def whole_set(runs=5):
    """The last summary line of real runs on two ranks, and what all but the solve takes in percent of that, run by run."""
    data = os.environ.get("BARYDEF_DATA")
    if not data or not os.path.exists(os.path.join(data, "mnist.h5")):
        return None, []
    shares = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            job = os.path.join(folder, "job.ini")
            with open(job, "w") as file:
                file.write(
                    "[input]\nfile = %s/mnist.h5\n[output]\nfile = out.h5\n[victim]\nfile = %s/victims/mnist.pt\n"
                    % (data, data)
                )
            said = subprocess.run(
                [MPIRUN, "-n", "2", os.environ["BARYDEF"], "run", job],
                capture_output=True,
                text=True,
                env={
                    name: value
                    for name, value in ENVIRONMENT.items()
                    if name != "OPENBLAS_CORETYPE"
                },
            )  # as the program chooses
        assert said.returncode == 0, said.stderr
        line = next(line for line in said.stdout.splitlines() if " images in " in line)
        solving, *others = [float(share) for share in re.findall(r"([\d.]+) %", line)]
        others.append(float(re.search(r"rank 0 spent ([\d.]+) %", said.stdout).group(1)))
        shares.append(100 * sum(others) / solving)
    return line, shares


def machine():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    model = re.search(r"model name\s*: (.*)", text)
    family = re.search(r"cpu family\s*: (.*)", text)
    return "%s, family %s" % (model.group(1) if model else "?", family.group(1) if family else "?")


def show(values, digits=3):
    return "%.*g (%.*g-%.*g)" % (
        digits,
        statistics.median(values),
        digits,
        min(values),
        digits,
        max(values),
    )


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def measure_all(settings, rounds=ROUNDS):
    values = {name: [] for name in settings}
    for r in range(rounds):
        for name, measure in settings.items():
            values[name].append(measure())
        print("round %d of %d" % (r + 1, rounds), file=sys.stderr)
    return values


def main():
    library.lib.bd_instructions_name.restype = c.c_char_p
    best = library.lib.bd_instructions_best()
    names = [library.lib.bd_instructions_name(i).decode() for i in range(1, best + 1)]
    fast = names[-1]
    print(
        "# How fast it is\n\nPrinted by `cmake --build build --target bench`, all of it from one run, on one core. Costs are nanoseconds of the processor\n"
        "per pixel, marginal and iteration: medians of the rounds, in brackets the least and the most. A round measures everything once, so\n"
        "that a disturbance meets all alike; on another machine, or another day, only ratios mean something.\n\n"
        "Random images; gamma 0.5 and tau 0.001, where no guard trips, unless a line says otherwise (at gamma 0.02 and tau 0.2 the fast path costs the\n"
        "same; kernels that are cut at the reach of the potentials cost more the wider those range).\n\nProcessor: %s. Compiler: %s. Instructions: %s. Load when it began: %.1f. %d rounds.\n"
        % (machine(), os.environ.get("BENCH_COMPILER", "?"), fast, os.getloadavg()[0], ROUNDS)
    )

    settings = {
        "limits": lambda: limits(fast),
        "fast": cost(),
        "single": cost(precision="auto", gamma=5, tau=0.2, bits=32),
        "limits single": lambda: limits(fast, "single"),
    }
    missing = []
    try:
        settings.update(torch_costs())
    except ImportError:
        missing.append("python3-torch")
    try:
        settings["POT, convolutional barycenter (float64)"] = pot_cost()
    except ImportError:
        missing.append("python3-pot")
    yard = measure_all(settings)

    print(
        "## Against the machine\n\nl1, window 7, 28 x 28, B6, float64 (%s). Each operation alone, at its best, in this run:\n"
        % fast
    )
    parts = list(zip(*yard["limits"]))
    total = [sum(one) for one in yard["limits"]]
    rows = [
        [name, show(part)]
        for name, part in zip(
            ["exp", "division", "four 7-tap passes", "all planes read and written"], parts
        )
    ]
    rows += [["sum of the limits", show(total)], ["**the solver**", "**%s**" % show(yard["fast"])]]
    ratio = [f / t for f, t in zip(yard["fast"], total)]
    rows.append(["ratio", show(ratio)])
    single = [f / t for f, t in zip(yard["fast"], yard["single"])]
    limit = [sum(one) for one in yard["limits single"]]
    rows += [
        ["sum of the limits, float32", show(limit)],
        ["the solver in float32 (gamma 5)", show(yard["single"])],
        ["ratio, float32", show([f / t for f, t in zip(yard["single"], limit)])],
        ["float64 over float32", show(single)],
    ]
    table(["", "ns"], rows)

    print("## Against what users run\n")
    rows = [["barydef, float64", show(yard["fast"]), "1"]]
    for name in settings:
        if "Torch" in name or "POT" in name:
            rows.append(
                [name, show(yard[name]), show([v / f for v, f in zip(yard[name], yard["fast"])])]
            )
    rows.append(
        [
            "the authors' code (measured once: %d ns)" % AUTHORS,
            "%d" % AUTHORS,
            show([AUTHORS / f for f in yard["fast"]]),
        ]
    )
    if CAREFUL in yard:
        then = [AUTHORS / YARDSTICK * one for one in yard[CAREFUL]]
        rows.append(
            [
                "the same in this run's ns, by PyTorch with care (%d ns then)" % YARDSTICK,
                show(then),
                show([t / f for t, f in zip(then, yard["fast"])]),
            ]
        )
    table(["", "ns", "times barydef"], rows)
    if missing:
        print("Not measured, for want of: %s.\n" % ", ".join(missing))

    sides = [28, 64, 128, 224]
    ways = {
        "l1, window 7": dict(),
        "sql2, window 7": dict(cost="sql2"),
        "l1, window 15": dict(window=15),
        "l2, window 7": dict(cost="l2"),
        "l2, window 7, gamma 0.02": dict(cost="l2", gamma=0.02),
        "l1, full (recursion)": dict(window="full"),
        "sql2, full, gamma 1": dict(cost="sql2", window="full", gamma=1),
        "sql2, full, gamma 5": dict(cost="sql2", window="full", gamma=5),
        "l2, full (FFTW)": dict(cost="l2", window="full", gamma=1),
        "l1, window 7, FISTA": dict(method="fista", theta=1),
        "l1, window 7, float32": dict(precision="auto", gamma=5, bits=32),
    }
    if fast != "baseline":
        ways.update({"l1, window 7, " + name: dict(instructions=name) for name in names[:-1]})
    settings = {}
    for way, options in ways.items():
        for side in sides:
            images = 16 if "float32" in way else 8
            settings[way, side] = cost(
                side=side,
                images=images * (4 if side == 28 else 1),
                L=100 if side == 28 else 60,
                **options
            )
    settings["wide", 28] = cost(images=16, L=20, gamma=1e-3, tau=1000, fallback=1)
    values = measure_all(settings, 5)
    print(
        "## Every path\n\nIn brackets: least and most of the rounds; after x: the ratio to the same at 28 x 28, likewise.\n"
    )
    rows = []
    for way in list(ways) + ["wide"]:
        row = [way if way != "wide" else "l1, window 7, wide-range arithmetic"]
        for side in sides:
            if (way, side) not in values:
                row.append("")
                continue
            ratios = [a / b for a, b in zip(values[way, side], values[way, 28])]
            row.append(show(values[way, side]) + (" x " + show(ratios, 2) if side != 28 else ""))
        rows.append(row)
    table(["ns"] + ["%d x %d" % (s, s) for s in sides], rows)

    print(
        "## Linear in everything\n\nCost of the fast path per unit of work; a flat column is linear time.\n"
    )
    settings = {}
    for name, options in (
        ("N = 2", dict(marginals="identity + rotate 2")),
        ("N = 4", dict(marginals="B4")),
        ("N = 6", {}),
        (
            "N = 12",
            dict(marginals=" + ".join(["identity"] + ["rotate %d" % d for d in range(1, 12)])),
        ),
        ("L = 50", dict(L=50)),
        ("L = 200", dict(L=200)),
        ("L = 1000", dict(L=1000)),
        ("16 images", dict(images=16)),
        ("64 images", {}),
        ("256 images", dict(images=256)),
    ):
        settings[name] = cost(**options)
    values = measure_all(settings, 5)
    table(["", "ns"], [[name, show(v)] for name, v in values.items()])

    print("## A whole run\n")
    if shutil.which("valgrind"):
        print(
            "Instructions of the AVX2 path, counted by valgrind: **%.3f** per pixel, marginal and iteration.\n"
            % instructions()
        )
    alone, together, ratio = besides()
    print(
        "Not iterating - making a solver, marginals, masses, the store of results - is %s %% of L = 200 for a point alone, %s %% for\n"
        "one of a sweep over four gammas, which share the moved images: %s times as much.\n"
        % (show(alone), show(together), show(ratio))
    )
    line, shares = whole_set()
    if line:
        print(
            "The whole MNIST file, 8 groups of 1,000 images, B6, L = 200, with its victim, on 2 ranks:\n\n    "
            + line
        )
        print(
            "\nVictim, baselines, reading, gathering and writing: %s %% of the solve in %d such runs."
            % (show(shares, 3), len(shares))
        )
    else:
        print(
            "Not measured, for want of a folder with mnist.h5 and victims/mnist.pt in BARYDEF_DATA: a run of the whole MNIST file."
        )


if __name__ == "__main__":
    main()
