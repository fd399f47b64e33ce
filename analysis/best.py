#!/usr/bin/env python3
"""The best run of a sweep, chosen on one half of the images and reported on the other.

    /usr/bin/python3 analysis/best.py result.h5 [--cost 2]

Every second image of each class is of the first half. Chosen is the run of the highest mean accuracy over the attacks there, among those that cost
at most `cost` points of the victim's clean accuracy (where none does, the run of the highest clean accuracy); the table is of the second half, with the baselines, and the best blur of
the sweep chosen the same way."""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tables
from result import CLEAN, Result


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


def choose(result, field, cost):
    """The run whose images `field` serve best on the first half."""
    before = halves(result, result.runs[0], CLEAN, "attacked")[0]
    scores = {run: (halves(result, run, CLEAN, field)[0], np.mean([halves(result, run, attack, field)[0] for attack in result.robust]))
              for run in result.runs}
    cheap = [run for run in result.runs if scores[run][0] >= before - cost / 100 - 1e-12]
    return max(cheap, key=lambda run: scores[run][1]) if cheap else max(result.runs, key=lambda run: scores[run]), bool(cheap)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result")
    parser.add_argument("--cost", type=float, default=2, help="points of clean accuracy")
    arguments = parser.parse_args()
    result = Result(arguments.result)
    if CLEAN not in result.attacks or not result.has_victim:
        parser.exit(2, f"{arguments.result}: needs a victim and clean images\n")
    run, cheap = choose(result, "purified", arguments.cost)
    blur, _ = choose(result, "blurred", arguments.cost)
    sigma = float(result.attribute(blur, "baseline.blur_sigma"))
    print(f"run {run}: {result.label(run)}" + ("" if cheap else f"\n(no run costs at most {arguments.cost:g} points: this one costs least)") + "\n")
    rows = [["attack", "attacked", "8 bits", f"blurred, sigma {sigma:g}", "mean of marginals", "barycenter"]]
    for attack in result.attacks:
        cells = [(run, "attacked"), (run, "rounded"), (blur, "blurred"), (run, "mean"), (run, "purified")]
        rows.append([attack] + [tables.percent(halves(result, which, attack, field)[1]) for which, field in cells])
    print(tables.as_markdown(rows))


if __name__ == "__main__":
    main()
