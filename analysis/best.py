#!/usr/bin/env python3
"""The best run of one or more sweeps over the same images, chosen on one half of them and reported on the other.

    /usr/bin/python3 analysis/best.py RESULT.h5 ... [--cost 2]

Every second image of each class is of the first half.  There, among the runs that cost at most `cost` points of the victim's clean
accuracy (where none does: the one that costs least), those come first that reach the paper's barycenter accuracy on every attack it
has figures for, else those that fall short of it least; of them, the one of the highest mean over the attacks.  The table is of the
second half, with the baselines.  The blur, too, is the one of the sweeps chosen by this rule."""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import paper
import tables
from result import CLEAN, SAME, Result


def is_second(labels):
    """Every second image of each class (sets come with their classes in turn: even and odd images would be other classes)."""
    second = np.zeros(len(labels), bool)
    for number in np.unique(labels):
        second[np.flatnonzero(labels == number)[1::2]] = True
    return second


def halves(result, run, attack, field):
    """Accuracy on the first and on the second half."""
    records = result.per_image(run, attack)
    right, second = records[f"predicted_{field}"] == records["label"], is_second(result.labels)
    return right[~second].mean(), right[second].mean()


def shortfall(accuracies, wanted):
    """Of {attack: accuracy}, the largest lack of what is wanted."""
    return max([0] + [wanted[attack] - accuracies[attack] for attack in wanted if attack in accuracies])


def choose(candidates, field, cost, wanted):
    """(result, run, cheap, shortfall) of the candidates [(result, run)] whose images `field` serve best on the first half."""
    before = halves(*candidates[0], CLEAN, "attacked")[0]
    scores = []
    for result, run in candidates:
        accuracies = {attack: halves(result, run, attack, field)[0] for attack in result.robust}
        clean = halves(result, run, CLEAN, field)[0]
        cheap = clean >= before - cost / 100 - 1e-12
        lack = shortfall(accuracies, wanted)
        scores.append(((cheap, 0 if cheap else clean, -lack, np.mean(list(accuracies.values()))), lack))
    best = max(range(len(scores)), key=lambda i: scores[i][0])
    return *candidates[best], scores[best][0][0], scores[best][1]


def table(chosen, blurred, published):
    """Of the second half."""
    sigma = float(blurred[0].attribute(blurred[1], "baseline.blur_sigma"))
    rows = [["attack", "attacked", "8 bits", f"blurred, sigma {sigma:g}", "mean of marginals", "barycenter", "95 %"]]
    for attack in chosen[0].attacks:
        cells = [(chosen, "attacked"), (chosen, "rounded"), (blurred, "blurred"), (chosen, "mean"), (chosen, "purified")]
        accuracies = [halves(*which, attack, field)[1] for which, field in cells]
        low, high = wilson(accuracies[-1], is_second(chosen[0].labels).sum())
        rows.append([attack] + [tables.percent(value) for value in accuracies] + [f"{tables.percent(low)}-{tables.percent(high)}"])
    if published:
        rows = [row + [last] for row, last in zip(rows, ["paper: barycenter"] + [str(published.get(attack, ("", ""))[1]) for attack in chosen[0].attacks])]
    return rows


def wilson(share, count, z=1.959964):
    middle, spread = share + z * z / (2 * count), z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", metavar="RESULT.h5")
    parser.add_argument("--cost", type=float, default=2, help="points of clean accuracy")
    arguments = parser.parse_args()
    results = [Result(path) for path in arguments.results]
    for result in results:
        if CLEAN not in result.attacks or not result.has_victim:
            parser.exit(2, f"{result.path}: needs a victim and clean images\n")
        if any(result.file.attrs[name] != results[0].file.attrs[name] for name in SAME):
            parser.exit(2, f"{result.path}: of other images or another victim than {results[0].path}\n")
    published = paper.figures(results[0].dataset)
    wanted = {attack: pair[1] / 100 for attack, pair in published.items() if attack != CLEAN and pair[1] != ""}
    candidates = [(result, run) for result in results for run in result.runs]
    purified = [(result, run) for result, run in candidates if result.attribute(run, "solver.iterations") > 0] or candidates
    result, run, cheap, lack = choose(purified, "purified", arguments.cost, wanted)
    blurred = choose(candidates, "blurred", arguments.cost, wanted)
    print(f"{os.path.basename(result.path)}, run {run} of {len(purified)}: {result.label(run)}")
    if not cheap:
        print(f"(no run costs at most {arguments.cost:g} points of clean accuracy: this one costs least)")
    if wanted:
        print("On the first half " + (f"it falls short of the paper's barycenter by up to {100 * lack:.1f} points." if lack else "it reaches the paper's barycenter on every attack.")
              + (f" The blur: by {100 * blurred[3]:.1f}." if blurred[3] else " So does the blur."))
    print("\n" + tables.as_markdown(table((result, run), blurred[:2], published)))


if __name__ == "__main__":
    main()
