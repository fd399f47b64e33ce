"""The tables of docs/reproduction.md, in Markdown, from the results of jobs/paper/reproduce.sh.

    python3 -m barydef.reproduction FOLDER

Each set SET.h5 of the folder makes a table of both sets of marginals. Where best-*SET.h5 and
blur-SET.h5 are there too, another table follows: the run that barydef.best_run chooses from them
on the first half of the images, reported on the second half, beside B6 of SET.h5."""

import argparse
import os

from . import errors, published
from .best_run import blurs_beside, opened, table
from .report import table_formats
from .report.table_formats import percent
from .selection import best_run, halves, is_second
from .text import text

# The sweeps read the attacks of a set, and the job of a table makes Table I's besides.
SAME = "labels_checksum", "victim_digest"
SETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


def run_of(result, marginals):
    """The run with these marginals at the paper's setting."""
    found = [
        run for run in result.runs if text(result.attribute(run, "marginals.set")) == marginals
    ]
    if len(found) != 1:
        raise errors.Unsuitable(
            f"{result.path}: {len(found)} runs of {marginals}; the job of jobs/paper/ makes one"
        )
    return found[0]


def both_sets(result):
    """B4 and B6 at the paper's setting, with their baselines."""
    b4, b6 = run_of(result, "B4"), run_of(result, "B6")
    figures = published.figures(result)
    columns = {
        "attacked": (b6, "attack"),
        "8 bits": (b6, "rounded"),
        "blurred": (b6, "blurred"),
        "mean (B4)": (b4, "mean"),
        "**B4**": (b4, "barycenter"),
        "mean (B6)": (b6, "mean"),
        "**B6**": (b6, "barycenter"),
    }
    rows = [["attack", *columns, "B6, 95 %"] + published.HEADS * bool(figures)]
    for attack in result.attacks:
        row = result.row(b6, attack)
        low, high = (percent(row[f"barycenter_accuracy_{end}"]) for end in ("low", "high"))
        rows.append(
            [attack]
            + [percent(result.accuracy(run, attack, view)) for run, view in columns.values()]
            + [f"{low}-{high}"]
            + published.cells(figures, attack) * bool(figures)
        )
    return rows


def of_the_best(chosen, blurs, result):
    """The table of barydef.best_run without rounding, and with the paper's setting."""
    rows, b6 = table(chosen, blurs, published.figures(result)), run_of(result, "B6")
    dropped = rows[0].index("8 bits")
    count = is_second(result.labels).sum()
    rows[0] = [f"attack (second half, {count} images)", *rows[0][1:], "paper's setting"]
    rows[1:] = [row + [percent(halves(result, b6, row[0], "barycenter")[1])] for row in rows[1:]]
    return [row[:dropped] + row[dropped + 1 :] for row in rows]


def sweeps_of(folder, name):
    """The sweeps over a set: best-mnist.h5 is one of mnist, best-fashion_mnist.h5 is not."""
    return [
        os.path.join(folder, f"best-{one}.h5")
        for one in sorted([name, f"more-{name}", f"nearest-{name}"])
        if os.path.exists(os.path.join(folder, f"best-{one}.h5"))
    ]


def tables_of(folder):
    """[(heading, rows)], the tables of both sets of marginals first, as the document has them."""
    first, second = [], []
    for name, title in SETS.items():
        path, blur = (os.path.join(folder, one) for one in (f"{name}.h5", f"blur-{name}.h5"))
        if not os.path.exists(path):
            continue
        sweeps = sweeps_of(folder, name)
        result, *others = opened([path, *sweeps, *[blur] * os.path.exists(blur)], SAME)
        first.append((f"## {title}: {len(result.labels)} images", both_sets(result)))
        if sweeps and os.path.exists(blur):
            chosen = best_run(others, half=0)
            marginals, gamma, iterations = (
                chosen.result.setting(chosen.run, parameter)
                for parameter in ("marginals.set", "solver.gamma", "solver.iterations")
            )
            second.append(
                (
                    f"**{title}**: {marginals}; gamma {gamma}, iterations {iterations}",
                    of_the_best(chosen, blurs_beside(others, chosen), result),
                )
            )
    if not first:
        names = ", ".join(f"{name}.h5" for name in SETS)
        raise errors.Unsuitable(
            f"{folder}: no result of jobs/paper/reproduce.sh in it; there are {names}"
        )
    return first + second


def print_tables(folder):
    parts = [
        f"{heading}\n\n{table_formats.as_markdown(rows)}" for heading, rows in tables_of(folder)
    ]
    print("\n".join(parts), end="")


def main():
    parser = argparse.ArgumentParser(
        prog="barydef.reproduction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER")
    folder = parser.parse_args().folder
    errors.run(lambda: print_tables(folder), "barydef.reproduction")


if __name__ == "__main__":
    main()
