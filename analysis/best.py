#!/usr/bin/env python3
"""The best run of one or more sweeps over the same images, chosen on one half of them and reported on the other.

    /usr/bin/python3 analysis/best.py RESULT.h5 ... [--cost 2]

Every second image of each class is of the first half.  There, among the runs that cost at most `cost` points of the victim's clean
accuracy (where none does: the one that costs least; where it was not measured: all), those come first that reach the paper's
barycenter accuracy on every attack whose figures are known (and which has the paper's norm and epsilon), else those that fall short
of it least; of them, the one of the highest mean over the attacks.  The table is of the second half, with the baselines.  The blur,
too, is the one of the sweeps chosen by this rule; beside it stands the one whose clean accuracy on the first half is nearest to the
run's (of several: of the highest mean)."""

import argparse
import os
import sys
from collections import namedtuple

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import files
import paper
import tables
from result import CLEAN, SAME, Result, plain

# cost: of clean accuracy, as a fraction, None where it was not measured; cheap: it is small enough or not known;
# lack: the largest by which an attack's accuracy falls short of the paper's, None where its figures are not known.
Choice = namedtuple("Choice", "result run cost cheap lack")


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
    return tuple(part.mean() if len(part) else np.nan for part in (right[~second], right[second]))


def accuracy(result, run, attack, field, half=None):
    """On half 0 or 1, or on all images; field: attacked, rounded, blurred, mean or purified."""
    if half is None:
        return result.accuracy(
            run, attack, {"attacked": "attack", "purified": "barycenter"}.get(field, field)
        )
    return halves(result, run, attack, field)[half]


def shortfall(accuracies, wanted):
    """Of {attack: accuracy}, the largest lack of what is wanted; None where nothing of it is."""
    return max(
        (max(0, wanted[attack] - accuracies[attack]) for attack in wanted if attack in accuracies),
        default=None,
    )


def judged(result, run, field, cost, wanted, half=None):
    """(rank, Choice) of a run by its images `field`."""
    accuracies = {attack: accuracy(result, run, attack, field, half) for attack in result.robust}
    paid, clean = None, []
    if CLEAN in result.attacks:
        clean = [accuracy(result, run, CLEAN, field, half)]
        paid = accuracy(result, run, CLEAN, "attacked", half) - clean[0]
    cheap, lack = paid is None or paid <= cost / 100 + 1e-12, shortfall(accuracies, wanted)
    return (
        cheap,
        0 if cheap else -paid,
        -(lack or 0),
        np.mean(list(accuracies.values()) or clean),
    ), Choice(result, run, paid, cheap, lack)


def choose(candidates, field, cost, wanted, half=None):
    """The Choice of the candidates [(result, run)] whose images `field` serve best."""
    return max(
        (judged(*one, field, cost, wanted, half) for one in candidates), key=lambda one: one[0]
    )[1]


def candidates_of(results, field):
    """[(result, run)]; runs without an iteration purify nothing."""
    runs = [(result, run) for result in results for run in result.runs]
    return (
        field == "purified"
        and [
            (result, run) for result, run in runs if result.attribute(run, "solver.iterations") > 0
        ]
        or runs
    )


def best_run(results, cost=2, field="purified", half=None):
    """The Choice of a result, or of several over the same images, by the rule above; half None: on all images.  Without a victim
    it is the first run."""
    results = results if isinstance(results, (list, tuple)) else [results]
    candidates = candidates_of(results, field)
    if not all(result.has_victim for result in results):
        return Choice(*candidates[0], None, True, None)
    return choose(candidates, field, cost, wanted_of(results[0]), half)


def wanted_of(result):
    """{attack: accuracy} of the paper's barycenters, of attacks that are known to be its."""
    return {
        attack: pair[1] / 100
        for attack, pair in paper.figures(result, surely=True).items()
        if attack != CLEAN and pair[1] != ""
    }


def elsewhere(choice, field="purified", half=None):
    """What the chosen run is on images that it was not, or not alone, chosen on."""
    return judged(choice.result, choice.run, field, 0, wanted_of(choice.result), half)[1]


def price(choice):
    if choice.cost is None:
        return "Clean accuracy was not measured: what the run costs is not known."
    return (
        f"It costs {100 * choice.cost:.1f} points of clean accuracy."
        if choice.cost > 0
        else "It costs no clean accuracy."
    )


def papers(choice):
    return (
        "the paper's barycenter (B6) on every attack that the paper has"
        + " with this norm and epsilon" * bool(paper.unsure(choice.result))
    )


def reach(choice):
    unsure = paper.unsure(choice.result)
    if choice.lack is None and unsure:
        return f"Nothing is concluded from the paper's figures: norm or epsilon of {', '.join(unsure)} are not known here, or others than the paper's."
    if choice.lack is None:
        return "The paper's figures for these attacks on this data set are not known here."
    if choice.lack == 0:
        return f"It reaches {papers(choice)}."
    return f"It falls short of the paper's barycenter (B6) by up to {100 * choice.lack:.1f} points."


def said(choice, cost=2):
    """What of the rule a Choice meets, in sentences; of the images it was chosen on."""
    if not choice.result.has_victim:
        return "Without a victim there are no accuracies, and no run is better than another."
    if not choice.cheap:
        return f"No run costs at most {cost:g} points of clean accuracy: this one costs least, {100 * choice.cost:.1f} points. {reach(choice)}"
    if choice.lack:
        within = (
            "No run"
            if choice.cost is None
            else f"No run that costs at most {cost:g} points of clean accuracy"
        )
        return f"{price(choice)} {within} reaches {papers(choice)}: this one falls short by up to {100 * choice.lack:.1f} points."
    return f"{price(choice)} {reach(choice)}"


def both_said(choice, where, other, shown, cost=2):
    """The sentences of a Choice, and beside them what the run is on the other images, whose figures are shown: each says of which it is."""
    figures = [price(shown)] * (shown.cost is not None) + [reach(shown)] * (shown.lack is not None)
    return f"{where}: {said(choice, cost)}" + f" {other}: {' '.join(figures)}" * bool(figures)


def sigma_of(blurred):
    return float(blurred.result.attribute(blurred.run, "baseline.blur_sigma"))


def blurs_beside(results, chosen, cost=2):
    """The blur chosen by the rule and, if it is another, that of like clean accuracy: what the same price buys without a barycenter."""
    ruled = best_run(results, cost, "blurred", 0)
    if CLEAN not in chosen.result.attacks:
        return [ruled]
    price = accuracy(*chosen[:2], CLEAN, "purified", 0)

    def distance(one):
        return round(abs(accuracy(*one, CLEAN, "blurred", 0) - price), 9), -np.mean(
            [accuracy(*one, attack, "blurred", 0) for attack in one[0].robust] or [0]
        )

    alike = Choice(*min(candidates_of(results, "blurred"), key=distance), None, True, None)
    return [ruled] + [alike] * (sigma_of(alike) != sigma_of(ruled))


def duel(chosen, blurred):
    """The blur against the run on the second half, in a sentence."""
    robust = chosen.result.robust
    ours, theirs = (
        [accuracy(*one[:2], attack, field, 1) for attack in robust]
        for one, field in ((chosen, "purified"), (blurred, "blurred"))
    )
    behind = [
        f"{attack} ({100 * (a - b):.1f})"
        for attack, a, b in zip(robust, ours, theirs)
        if round(a - b, 9) > 0
    ]
    return (
        f"Blur of sigma {sigma_of(blurred):g} against this run: mean over the attacks {100 * np.mean(theirs):.1f} against {100 * np.mean(ours):.1f}; "
        + (
            f"behind it on {', '.join(behind)}, and at least as good on all others."
            if behind
            else "at least as good on every attack."
        )
    )


def table(chosen, blurs, published):
    """Of the second half."""
    rows = [
        [
            "attack",
            "attacked",
            "8 bits",
            *(f"blurred, sigma {sigma_of(one):g}" for one in blurs),
            "mean of marginals",
            "barycenter",
            "95 %",
        ]
    ]
    for attack in chosen.result.attacks:
        cells = [
            (chosen, "attacked"),
            (chosen, "rounded"),
            *((one, "blurred") for one in blurs),
            (chosen, "mean"),
            (chosen, "purified"),
        ]
        accuracies = [halves(*which[:2], attack, field)[1] for which, field in cells]
        low, high = wilson(accuracies[-1], is_second(chosen.result.labels).sum())
        rows.append(
            [attack]
            + [tables.percent(value) for value in accuracies]
            + [f"{tables.percent(low)}-{tables.percent(high)}"]
        )
    if published:
        rows = [
            row + [last]
            for row, last in zip(
                rows,
                [paper.HEADS[1]]
                + [str(published.get(attack, ("", ""))[1]) for attack in chosen.result.attacks],
            )
        ]
    return rows


def wilson(share, count, z=1.959964):
    middle, spread = share + z * z / (2 * count), z * np.sqrt(
        share * (1 - share) / count + z * z / (4 * count * count)
    )
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def opened(paths):
    """Results that can be compared."""
    results = []
    for path in paths:
        with files.reading(path, "a result of barydef"):
            result = Result(path)
            if not result.has_victim:
                raise files.Unsuitable(f"{path}: made without a victim, which chooses the best run")
            if any(
                result.file.attrs[name] != (results or [result])[0].file.attrs[name]
                for name in SAME
            ):
                raise files.Unsuitable(f"{path}: of other images or another victim than {paths[0]}")
            results.append(result)
    if not is_second(results[0].labels).any():
        raise files.Unsuitable(
            f"{paths[0]}: one image of each class has no second half to report on"
        )
    return results


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="+", metavar="RESULT.h5")
    parser.add_argument("--cost", type=float, default=2, help="points of clean accuracy")
    arguments = parser.parse_args()
    results = opened(arguments.results)
    chosen = best_run(results, arguments.cost, "purified", 0)
    blurs = blurs_beside(results, chosen, arguments.cost)
    print(
        f"{plain(os.path.basename(chosen.result.path))}, run {chosen.run} of {len(candidates_of(results, 'purified'))}: {chosen.result.label(chosen.run)}"
    )
    for what, choice, field in ("", chosen, "purified"), (
        "The blur, chosen likewise. ",
        blurs[0],
        "blurred",
    ):
        print(
            what
            + both_said(
                choice,
                "On the first half, where it was chosen",
                "On the second half, as in the table",
                elsewhere(choice, field, 1),
                arguments.cost,
            )
        )
    for blurred in blurs if chosen.result.robust else []:
        print("On the second half: " + duel(chosen, blurred))
    published = paper.figures(results[0])
    print(
        "\n"
        + tables.as_markdown(
            table(chosen, blurs, published), paper.note(results[0]) if published else ""
        )
    )


if __name__ == "__main__":
    files.run(main, "best.py")
