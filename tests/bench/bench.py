"""Measures the solver beside the best that this machine can do, and beside PyTorch and POT.

    cmake --build build --target bench

Prints Markdown.  All figures come from this one run and from one core.  Costs are nanoseconds of
the processor per pixel, marginal and iteration.  They are medians of the rounds, with the least and
the most in brackets.  Each round measures everything once, so that a disturbance meets all alike.
Still, only ratios mean something on another machine, or another day."""

import ctypes as c
import os
import re
import shutil
import statistics
import sys
from solver_costs import (
    ALONE,
    GRADIENT,
    OURS,
    besides,
    cost,
    costs_beside_torch,
    costs_of_gradients,
    instructions,
    limits,
    pot_cost,
    whole_set,
)

import library

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 7))
# The authors' released PyTorch code, measured by hand on 30 November 2026: nanoseconds, least and
# most, and those of barydef in the same minutes.
AUTHORS, BESIDE = (312, 491), 2.7


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


HEAD = """# How fast it is

Printed by `cmake --build build --target bench`, all of it from one run, on one core. Costs are
nanoseconds of the processor per pixel, marginal and iteration: medians of the rounds, in brackets
the least and the most. A round measures everything once, so that a disturbance meets all alike. On
another machine, or another day, only ratios mean something.

Images are random. Gamma is 0.5 and tau 0.001, where no guard trips, unless a line says otherwise.
At gamma 0.02 and tau 0.2 the fast path costs the same with `solver.shortcuts = no`. Kernels that
are cut at the reach of the potentials cost more the wider those range.

Processor: %s. Compiler: %s. Instructions: %s. Load when it began: %.1f. %d rounds.
"""


def yardsticks(fast):
    """Costs of the fast path and of what it is compared with, and the packages that are missing."""
    settings = {
        "limits": lambda: limits(fast),
        "fast": cost(),
        "single": cost(precision="auto", gamma=5, tau=0.2, bits=32),
        "limits single": lambda: limits(fast, "single"),
    }
    missing = []
    try:
        settings["POT, convolutional barycenter (float64)"] = pot_cost()
    except ImportError:
        missing.append("python3-pot")
    return measure_all(settings), missing


def against_the_machine(yard, fast):
    print(
        "## Against the machine\n\nl1, window 7, 28 x 28, B6, float64 (%s). "
        "Each operation alone, at its best, in this run:\n" % fast
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


def against_torch(gamma, title):
    print("### Gamma %g%s\n" % (gamma, title))
    try:
        values = measure_all(costs_beside_torch(gamma), 3)
    except ImportError:
        print("Not measured, for want of: python3-torch.\n")
        return
    table(
        ["", "ns", "times barydef"],
        [
            [name, show(found), show([v / f for v, f in zip(found, values[OURS])])]
            for name, found in values.items()
        ],
    )


def against_others(yard, missing):
    print(
        "## Against what users run\n\nReal digits, the demo's, l1, window 7, B6, tau 0.2, L = 200. "
        "Where shortcuts leave out marginals, these count as computed.\n"
    )
    against_torch(0.02, ", the paper's setting")
    against_torch(1, "")
    rows = [
        [name, show(found), show([v / f for v, f in zip(found, yard["fast"])])]
        for name, found in yard.items()
        if "POT" in name
    ]
    ratios = "%.0f to %.0f" % tuple(one / BESIDE for one in AUTHORS)
    rows.append(
        [
            "the authors' code, measured on 30 November, beside barydef's %g then" % BESIDE,
            "%g to %g" % AUTHORS,
            ratios,
        ]
    )
    print("### Other programs\n")
    table(["", "ns", "times barydef"], rows)
    if missing:
        print("Not measured, for want of: %s.\n" % ", ".join(missing))


def gradients():
    print("## Gradients\n\nReal digits, the demo's, l1, window 7, B6, tau 0.2, L = 200.\n")
    for gamma in 0.02, 1:
        try:
            values = measure_all(costs_of_gradients(gamma))
        except ImportError:
            print("Not measured, for want of: python3-torch.\n")
            return
        ratios = lambda found, of: show([v / o for v, o in zip(found, values[of])])
        table(
            ["gamma %g" % gamma, "ms an image", "times the images", "times both"],
            [
                [name, show(found), ratios(found, ALONE), ratios(found, GRADIENT)]
                for name, found in values.items()
            ],
        )


def with_a_classifier():
    print("## With a real classifier\n")
    rows = []
    for name, victim, ranks, limit in (
        ("mnist", "mnist.pt", 2, None),
        ("cifar10", "cifar10.pt", 2, 100),
        ("cifar10", "cifar10_resnet56.pt", 2, 100),
    ):
        line, shares = whole_set(name, victim, ranks, limit, runs=3)
        if line:
            rows.append([victim, line.strip(), show(shares)])
    if rows:
        table(["victim", "the last run, B6, gamma 0.02, L = 200", "% beside the solve"], rows)
    else:
        print("Not measured, for want of a folder with sets and victims in BARYDEF_DATA.\n")


def every_path(names, fast):
    sides = [28, 64, 128, 224]
    ways = {
        "l1, window 7": dict(),
        "sql2, window 7": dict(cost="sql2"),
        "l1, window 15": dict(window=15),
        "l2, window 7": dict(cost="l2"),
        "l2, window 7, gamma 0.02": dict(cost="l2", gamma=0.02, shortcuts=0),
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
                **options,
            )
    settings["wide", 28] = cost(images=16, L=20, gamma=1e-3, tau=1000, fallback=1)
    values = measure_all(settings, 5)
    print(
        "## Every path\n\nIn brackets: least and most of the rounds; "
        "after x: the ratio to the same at 28 x 28, likewise.\n"
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


def linear_in_everything():
    print(
        "## Linear in everything\n\n"
        "Cost of the fast path per unit of work; a flat column is linear time.\n"
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


def counted_work():
    print("## Counted\n")
    if shutil.which("valgrind"):
        print(
            "Instructions of the AVX2 path, counted by valgrind: "
            "**%.3f** per pixel, marginal and iteration.\n" % instructions()
        )
    alone, together, ratio = besides()
    print(
        "Work beside the iterations (a solver, marginals, masses, the store of results) is\n"
        "%s %% of L = 200 for a point alone, and %s %% for one of a sweep over four\n"
        "gammas, which share the moved images: %s times as much.\n"
        % (show(alone), show(together), show(ratio))
    )


def main():
    library.lib.bd_instructions_name.restype = c.c_char_p
    best = library.lib.bd_instructions_best()
    names = [library.lib.bd_instructions_name(i).decode() for i in range(1, best + 1)]
    fast = names[-1]
    print(
        HEAD % (machine(), os.environ.get("BENCH_COMPILER", "?"), fast, os.getloadavg()[0], ROUNDS)
    )

    yard, missing = yardsticks(fast)
    against_the_machine(yard, fast)
    against_others(yard, missing)
    gradients()
    with_a_classifier()
    every_path(names, fast)
    linear_in_everything()
    counted_work()


if __name__ == "__main__":
    main()
