"""The best run of one or more sweeps over the same images, chosen on one half of them.

    python3 -m barydef.best_run RESULT.h5 ... [--cost 2]

The run is chosen on the first half of the images and reported on the second. The rule of
barydef/selection.py prefers few points of clean accuracy lost, the paper's figures reached, and a
high mean over the attacks. The table is of the second half and shows the baselines too. The blur
among the sweeps is chosen by the same rule. Beside it stands the blur whose clean accuracy on the
first half is nearest to that of the run, and of several such blurs the one of the highest mean."""

import argparse
import os
from itertools import zip_longest

import numpy as np

from . import errors, files, published
from .formats import CLEAN
from .report import table_formats
from .report.table_formats import percent
from .report.tables import KNOWLEDGE, WORST
from .result import SAME, Result
from .selection import (
    Choice,
    accuracy,
    best_run,
    both_said,
    candidates_of,
    elsewhere,
    halves,
    is_second,
)
from .text import plain
from .views import label_of


def sigma_of(blurred):
    return float(blurred.result.attribute(blurred.run, "baseline.blur_sigma"))


def blurs_beside(results, chosen, cost=2):
    """The blur chosen by the rule and, if it is another, the one of like clean accuracy.

    The second is what the same price buys without a barycenter."""
    candidates = candidates_of(results, "blurred")
    if not candidates:
        return []
    ruled = best_run(results, cost, "blurred", 0)
    if CLEAN not in chosen.result.attacks:
        return [ruled]
    price = accuracy(*chosen[:2], CLEAN, "barycenter", 0)

    def distance(one):
        robust = [accuracy(*one, attack, "blurred", 0) for attack in one[0].robust]
        return round(abs(accuracy(*one, CLEAN, "blurred", 0) - price), 9), -np.mean(robust or [0])

    alike = Choice(*min(candidates, key=distance), None, True, None)
    return [ruled] + [alike] * (sigma_of(alike) != sigma_of(ruled))


def duel(chosen, blurred):
    """The blur against the run on the second half, in a sentence."""
    robust = chosen.result.robust
    ours, theirs = (
        [accuracy(*one[:2], attack, view, 1) for attack in robust]
        for one, view in ((chosen, "barycenter"), (blurred, "blurred"))
    )
    behind = [
        f"{attack} ({100 * (a - b):.1f})"
        for attack, a, b in zip(robust, ours, theirs)
        if round(a - b, 9) > 0
    ]
    means = " against ".join(f"{100 * np.mean(one):.1f}" for one in (theirs, ours))
    end = (
        f"behind it on {', '.join(behind)}, and at least as good on all others."
        if behind
        else "at least as good on every attack."
    )
    return (
        f"Blur of sigma {sigma_of(blurred):g} against this run: "
        f"mean over the attacks {means}; {end}"
    )


def columns_of(chosen, blurs):
    """[(heading, Choice, view)]. The blurs stand where the run's own blur would."""
    columns, result = [], chosen.result
    for view in ["attack", *dict.fromkeys([*result.baselines, *["blurred"] * bool(blurs)])]:
        if view == "blurred":
            columns += [(f"blurred, sigma {sigma_of(one):g}", one, view) for one in blurs]
        else:
            columns.append((label_of(view), chosen, view))
    return [*columns, (label_of("barycenter"), chosen, "barycenter")]


def table(chosen, blurs, figures):
    """Accuracies on the second half; `figures` are the paper's.

    What the attackers knew, and the worst case, are told where the result has them."""
    columns, attacks = columns_of(chosen, blurs), chosen.result.attacks
    rows = [["attack", *(heading for heading, _, _ in columns), "95 %"]]
    for attack in attacks:
        accuracies = [halves(*one[:2], attack, view)[1] for _, one, view in columns]
        interval = wilson(accuracies[-1], is_second(chosen.result.labels).sum())
        rows.append([attack, *map(percent, accuracies), "-".join(map(percent, interval))])
    if chosen.result.worst is not None:
        accuracies = [worst_case(*one[:2], view) for _, one, view in columns]
        interval = wilson(accuracies[-1], is_second(chosen.result.labels).sum())
        rows.append([WORST, *map(percent, accuracies), "-".join(map(percent, interval))])
    if figures:
        last = [published.HEADS[-1]] + [published.cells(figures, one)[-1] for one in attacks]
        rows = [row + [figure] for row, figure in zip_longest(rows, last, fillvalue="")]
    if chosen.result.is_known:
        known = [", ".join(filter(None, chosen.result.knowledge[one])) for one in attacks]
        through = [KNOWLEDGE[0], *known]
        rows = [[row[0], one, *row[1:]] for row, one in zip_longest(rows, through, fillvalue="")]
    return rows


def worst_case(result, run, view):
    """The share of the second half that is right under every attack."""
    right = np.logical_and.reduce([result.right(run, one, view) for one in result.attacks])
    return right[is_second(result.labels)].mean()


def wilson(share, count, z=1.959964):
    """(low, high) of the Wilson interval, 95 %."""
    middle = share + z * z / (2 * count)
    spread = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def opened(paths, same=SAME):
    """Results that can be compared, since they agree in the attributes `same`."""
    results = []
    for path in paths:
        with files.reading(path, "a result of barydef"):
            result = Result(path)
            if not result.has_victim:
                raise errors.Unsuitable(
                    f"{path}: made without a victim, which chooses the best run"
                )
            first = (results or [result])[0].file.attrs
            if any(result.file.attrs[name] != first[name] for name in same):
                raise errors.Unsuitable(
                    f"{path}: of other images or another victim than {paths[0]}"
                )
            results.append(result)
    if not is_second(results[0].labels).any():
        raise errors.Unsuitable(
            f"{paths[0]}: one image of each class has no second half to report on"
        )
    return results


def print_choice(paths, cost):
    results = opened(paths)
    chosen = best_run(results, cost, "barycenter", 0)
    blurs = blurs_beside(results, chosen, cost)
    count = len(candidates_of(results, "barycenter"))
    name = plain(os.path.basename(chosen.result.path))
    print(f"{name}, run {chosen.run} of {count}: {chosen.result.label(chosen.run)}")
    first = "On the first half of the images, on which it was chosen"
    second = "On the second half, shown in the table"
    said = [("", chosen, "barycenter")]
    said += [("The blur, chosen likewise. ", one, "blurred") for one in blurs[:1]]
    for what, choice, view in said:
        print(what + both_said(choice, first, second, elsewhere(choice, view, 1), cost))
    for blurred in blurs if chosen.result.robust else []:
        print("On the second half: " + duel(chosen, blurred))
    figures = published.figures(results[0])
    note = published.note(results[0]) if figures else ""
    print("\n" + table_formats.as_markdown(table(chosen, blurs, figures), note))


def main():
    parser = argparse.ArgumentParser(
        prog="barydef.best_run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", nargs="+", metavar="RESULT.h5", help="results of barydef")
    parser.add_argument(
        "--cost",
        type=float,
        default=2,
        help="points of clean accuracy that the run may cost (default: %(default)g)",
    )
    arguments = parser.parse_intermixed_args()
    errors.run(lambda: print_choice(arguments.results, arguments.cost), "barydef.best_run")


if __name__ == "__main__":
    main()
