"""The best run of one or more results over the same images: the rule, and the sentences it earns.

The rule asks three things in turn.
1. Does the run cost at most `cost` points of the victim's clean accuracy? Where no run does, the
   one that costs least wins. Where clean accuracy was not measured, every run qualifies.
2. How far does it fall short of the paper's barycenter accuracy on the attacks whose figures are
   known, whose norm and epsilon are the paper's, and that are not far stronger than the paper's?
   Runs that reach it on all of them come first.
3. How high is its mean over the attacks?
The rule can be asked of one half of the images. The second half has every second image of each
class."""

from collections import namedtuple

import numpy as np

from . import published
from .formats import CLEAN

# How many points of accuracy an attack takes beyond the paper's, to be called another attack.
FAR = 20

# cost: how much clean accuracy is lost, as a fraction, None where that was not measured; cheap: the
# cost is small enough or not known; lack: how far the accuracy on the worst attack falls short of
# the paper's, None where the paper's figures are not known.
Choice = namedtuple("Choice", "result run cost cheap lack")


def is_second(labels):
    """Which images are of the second half.

    Sets come with their classes in turn, so even and odd images would be of other classes."""
    second = np.zeros(len(labels), bool)
    for number in np.unique(labels):
        second[np.flatnonzero(labels == number)[1::2]] = True
    return second


def halves(result, run, attack, view):
    """Accuracy on the first and on the second half."""
    right, second = result.right(run, attack, view), is_second(result.labels)
    return tuple(part.mean() if len(part) else np.nan for part in (right[~second], right[second]))


def accuracy(result, run, attack, view, half=None):
    """Accuracy on half 0 or 1, or on all images."""
    if half is None:
        return result.accuracy(run, attack, view)
    return halves(result, run, attack, view)[half]


def shortfall(accuracies, wanted):
    """The largest lack of what is wanted in {attack: accuracy}; None where none of it is there."""
    return max(
        (max(0, wanted[attack] - accuracies[attack]) for attack in wanted if attack in accuracies),
        default=None,
    )


def judged(result, run, view, cost, wanted, half=None):
    """(rank, Choice) of a run by its images in this view."""
    accuracies = {attack: accuracy(result, run, attack, view, half) for attack in result.robust}
    paid, clean = None, []
    if CLEAN in result.attacks:
        clean = [accuracy(result, run, CLEAN, view, half)]
        paid = accuracy(result, run, CLEAN, "attack", half) - clean[0]
    cheap, lack = paid is None or paid <= cost / 100 + 1e-12, shortfall(accuracies, wanted)
    mean = np.mean(list(accuracies.values()) or clean)
    return (cheap, 0 if cheap else -paid, -(lack or 0), mean), Choice(
        result, run, paid, cheap, lack
    )


def choose(candidates, view, cost, wanted, half=None):
    """The Choice of the candidates [(result, run)] whose images in this view serve best."""
    return max(
        (judged(*one, view, cost, wanted, half) for one in candidates), key=lambda one: one[0]
    )[1]


def candidates_of(results, view):
    """[(result, run)] of the runs that have images in this view.

    Runs without an iteration purify nothing, and are taken only where there are no others."""
    if view != "barycenter":
        return [(result, run) for result in results if view in result.views for run in result.runs]
    runs = [(result, run) for result in results for run in result.runs]
    return [one for one in runs if one[0].attribute(one[1], "solver.iterations") > 0] or runs


def best_run(results, cost=2, view="barycenter", half=None):
    """The Choice among the runs of these results, on one half or (None) on all images.

    Without a victim it is the first run."""
    candidates = candidates_of(results, view)
    if not all(result.has_victim for result in results):
        return Choice(*candidates[0], None, True, None)
    return choose(candidates, view, cost, wanted_of(results[0]), half)


def wanted_of(result):
    """{attack: accuracy} of the paper's barycenters on attacks that are known to be the paper's."""
    stronger = far_stronger(result)
    return {
        attack: row.b6 / 100
        for attack, row in published.figures(result, surely=True).items()
        if attack != CLEAN and attack not in stronger
    }


def far_stronger(result):
    """The attacks that leave the victim far less than the paper's of this name did.

    Nothing is concluded from the paper's barycenters of such an attack."""
    return [
        attack
        for attack, row in published.figures(result, surely=True).items()
        if row.attacked - 100 * result.accuracy(result.runs[0], attack, "attack") > FAR
    ]


def elsewhere(choice, view="barycenter", half=None):
    """The chosen run on images other than those it was chosen on."""
    return judged(choice.result, choice.run, view, 0, wanted_of(choice.result), half)[1]


# ---- in words ----


def price(choice):
    if choice.cost is None:
        return "Clean accuracy was not measured, so what the run costs is not known."
    if choice.cost <= 0:
        return "Clean accuracy does not fall."
    return f"Clean accuracy falls by {100 * choice.cost:.1f} points."


def papers(choice):
    stronger = far_stronger(choice.result)
    return (
        "the paper's barycenter (B6) on every attack that the paper has"
        + " with this norm and epsilon" * bool(published.unsure(choice.result))
        + f", but for {', '.join(stronger)}, far stronger here" * bool(stronger)
    )


def reach(choice):
    unsure = published.unsure(choice.result)
    if choice.lack is None and unsure:
        return (
            "Nothing is concluded from the paper's figures: norm or epsilon of "
            f"{', '.join(unsure)} are not known here, or others than the paper's."
        )
    if choice.lack is None:
        return "The paper's figures for these attacks on this data set are not known here."
    if choice.lack == 0:
        return f"The run reaches {papers(choice)}."
    return (
        "The run falls short of the paper's barycenter (B6) "
        f"by up to {100 * choice.lack:.1f} points."
    )


def said(choice, cost=2):
    """Sentences on what a Choice meets of the rule, on the images it was chosen on."""
    if not choice.result.has_victim:
        return "Without a victim there are no accuracies, and no run is better than another."
    if not choice.cheap:
        return (
            f"No run costs at most {cost:g} points of clean accuracy. "
            f"This one costs least, {100 * choice.cost:.1f} points. {reach(choice)}"
        )
    if choice.lack:
        within = f" that costs at most {cost:g} points of clean accuracy"
        return (
            f"{price(choice)} No run{within * (choice.cost is not None)} reaches "
            f"{papers(choice)}. This one falls short by up to {100 * choice.lack:.1f} points."
        )
    return f"{price(choice)} {reach(choice)}"


def after(place, sentences):
    """The sentences, the first of which begins with the place that it is about."""
    return f"{place}, {sentences[0].lower()}{sentences[1:]}"


def both_said(choice, where, other, shown, cost=2):
    """The sentences of a Choice, and those of the same run on the images that are shown.

    `where` and `other` name the images, so that each number says of which it is."""
    figures = [price(shown)] * (shown.cost is not None) + [reach(shown)] * (shown.lack is not None)
    words = after(where, said(choice, cost))
    return f"{words} {after(other, ' '.join(figures))}" if figures else words
