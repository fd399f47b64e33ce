#!/usr/bin/env python3
"""The tables of docs/reproduction.md, in Markdown, from the results that jobs/paper/reproduce.sh makes.

    /usr/bin/python3 analysis/reproduction.py FOLDER

Of each set SET.h5 of the folder the table of both sets of marginals; where there are best-*SET.h5 and blur-SET.h5, too, what
best.py chooses from them on the first half of the images, on the second, beside B6 of SET.h5."""

import argparse
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import best
import files
import paper
import tables
from result import plain, text

SETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


def run_of(result, marginals):
    """The run with these marginals at the paper's setting."""
    found = [
        run for run in result.runs if text(result.attribute(run, "marginals.set")) == marginals
    ]
    if len(found) != 1:
        raise files.Unsuitable(
            f"{result.path}: {len(found)} runs of {marginals}; the job of jobs/paper/ makes one"
        )
    return found[0]


def both_sets(result):
    b4, b6 = run_of(result, "B4"), run_of(result, "B6")
    published = paper.figures(result)
    rows = [
        [
            "attack",
            "attacked",
            "8 bits",
            "blurred",
            "mean (B4)",
            "**B4**",
            "mean (B6)",
            "**B6**",
            "B6, 95 %",
        ]
        + paper.HEADS * bool(published)
    ]
    for attack in result.attacks:
        row = result.row(b6, attack)
        accuracies = [
            (b6, "attack"),
            (b6, "rounded"),
            (b6, "blurred"),
            (b4, "mean"),
            (b4, "barycenter"),
            (b6, "mean"),
            (b6, "barycenter"),
        ]
        low, high = (tables.percent(row[f"barycenter_accuracy_{end}"]) for end in ("low", "high"))
        rows.append(
            [attack]
            + [tables.percent(result.accuracy(run, attack, name)) for run, name in accuracies]
            + [f"{low}-{high}"]
            + [str(number) for number in published.get(attack, ("", ""))] * bool(published)
        )
    return rows


def of_the_best(chosen, blurs, result):
    """best.py's, of the second half, without rounding and with the paper's setting."""
    rows, b6 = best.table(chosen, blurs, paper.figures(result)), run_of(result, "B6")
    dropped = rows[0].index("8 bits")
    rows[0] = [
        f"attack (second half, {best.is_second(result.labels).sum()} images)",
        *rows[0][1:],
        "paper's setting",
    ]
    rows[1:] = [
        row + [tables.percent(best.halves(result, b6, row[0], "purified")[1])] for row in rows[1:]
    ]
    return [row[:dropped] + row[dropped + 1 :] for row in rows]


def tables_of(folder):
    """[(heading, rows)], both sets' first, as the document has them."""
    first, second = [], []
    for name, title in SETS.items():
        path, sweeps, blur = (
            os.path.join(folder, pattern)
            for pattern in (f"{name}.h5", f"best-*{name}.h5", f"blur-{name}.h5")
        )
        if not os.path.exists(path):
            continue
        # best-mnist, not best-fashion_mnist
        sweeps = sorted(
            one
            for one in glob.glob(sweeps)
            if os.path.basename(one)[5:-3] in (name, f"more-{name}", f"nearest-{name}")
        )
        result, *others = best.opened([path, *sweeps, *[blur] * os.path.exists(blur)])
        first.append((f"## {title}: {len(result.labels)} images", both_sets(result)))
        if sweeps and os.path.exists(blur):
            chosen = best.best_run(others, half=0)
            words = ", ".join(
                f"{parameter.split('.')[1]} {plain(chosen.result.attribute(chosen.run, parameter))}"
                for parameter in ("solver.gamma", "solver.iterations")
            )
            second.append(
                (
                    f"**{title}**: {plain(chosen.result.attribute(chosen.run, 'marginals.set'))}; {words}",
                    of_the_best(chosen, best.blurs_beside(others, chosen), result),
                )
            )
    if not first:
        raise files.Unsuitable(
            f"{folder}: no result of jobs/paper/reproduce.sh in it; there are {', '.join(f'{name}.h5' for name in SETS)}"
        )
    return first + second


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER")
    print(
        "\n".join(
            f"{heading}\n\n{tables.as_markdown(rows)}"
            for heading, rows in tables_of(parser.parse_args().folder)
        ),
        end="",
    )


if __name__ == "__main__":
    files.run(main, "reproduction.py")
