"""What an attacker who knows the defence leaves, a table for each data set, in Markdown.

    python3 -m barydef.adaptive RESULT.h5...

Each result was made by a job that attacks, such as jobs/paper/adaptive.ini. Every view that was
attacked through makes a row, and so does every run that was attacked through its purifier. Results
over the same images share a table."""

import argparse
import math
import re
from typing import NamedTuple

import numpy as np

from . import errors, files
from .best_run import wilson
from .formats import CLEAN
from .report.table_formats import as_markdown, percent
from .report.tables import heading_of
from .result import Result
from .text import text

# Results that agree in these are of the same images and the same victim.
SAME = "labels_checksum", "victim_digest"

# A view by the word that [attack NAME] has for it.
VIEWS = {"victim": "attack", "purified": "barycenter"}


class Defence(NamedTuple):
    """A view of a run that was attacked through, and the attacks that knew it."""

    result: Result
    run: str
    view: str
    attacks: dict  # {name: (gradient, type)}

    @property
    def name(self):
        if self.view == "attack":
            return "none"
        if self.view != "barycenter":
            return heading_of(self.result, self.run, self.view)
        gamma, iterations = (
            self.result.setting(self.run, f"solver.{name}") for name in ("gamma", "iterations")
        )
        return f"barycenter, gamma {gamma}, L {iterations}"

    def right(self, *attacks):
        """Which images are right under all of these."""
        return np.all([self.result.right(self.run, one, self.view) for one in attacks], axis=0)


def defences(result):
    """Those that do not depend on the purifier once, the purifier in every run."""
    found = {}
    for attack in result.robust:
        through, gradient = result.knowledge[attack]
        made = re.match(r"barydef \S+: (\w+)", result.source(attack))
        if not made or np.isnan(result.row(result.runs[0], attack)["passes_forward"]):
            continue  # it was read
        kind = "square" if made[1] == "square" else gradient or "exact"
        view = VIEWS.get(through, through)
        for run in result.runs if view == "barycenter" else result.runs[:1]:
            found.setdefault((run, view), {})[attack] = kind
    return [Defence(result, run, view, attacks) for (run, view), attacks in found.items()]


def read_attacks(result):
    made = {attack for one in defences(result) for attack in one.attacks}
    return [attack for attack in result.robust if attack not in made]


def share(right):
    return percent(right.mean())


def with_interval(right):
    low, high = wilson(right.mean(), len(right))
    return f"{share(right)} ({percent(low)}-{percent(high)})"


def mcnemar(one, other):
    """The exact two-sided p value that two defences are right equally often."""
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    trials, fewer = only_one + only_other, min(only_one, only_other)
    tail = sum(math.comb(trials, k) for k in range(fewer + 1)) / 2**trials
    return min(1, 2 * tail)


def trust_of(defence):
    """What the run says of the strongest attack that follows a gradient, without the reason."""
    strongest = min(
        (attack for attack, kind in defence.attacks.items() if kind != "square"),
        key=lambda attack: defence.right(attack).sum(),
        default=None,
    )
    if strongest is None:
        return "-"
    return defence.result.trust(defence.run, strongest).split(":")[0]


def cells(defence, kinds, read, blur):
    by_kind = {
        kind: [attack for attack, its in defence.attacks.items() if its == kind] for kind in kinds
    }
    adaptive = defence.right(CLEAN, *defence.attacks)
    worst = defence.right(*defence.result.attacks)
    p = (
        ""
        if blur is None or blur is defence
        else f"{mcnemar(adaptive, blur.right(CLEAN, *blur.attacks)):.2g}"
    )
    return [
        defence.name,
        share(defence.right(CLEAN)),
        *(share(defence.right(attack)) for attack in read),
        *(share(defence.right(*by_kind[kind])) if by_kind[kind] else "" for kind in kinds),
        with_interval(adaptive),
        share(worst),
        p,
        trust_of(defence),
    ]


def table(results):
    """The rows of results over the same images."""
    found = [one for result in results for one in defences(result)]
    if not found:
        raise errors.Unsuitable(f"{results[0].path}: its job made no attack")
    read = read_attacks(results[0])
    kinds = [
        kind
        for kind in ("identity", "mean", "exact", "square")
        if any(kind in one.attacks.values() for one in found)
    ]
    blur = next((one for one in found if one.view == "blurred"), None)
    head = ["defence", "clean", *read, *kinds, "adaptive, 95 %", "worst case", "p", "trust"]
    return [head, *(cells(one, kinds, read, blur) for one in found)]


def print_tables(paths):
    groups = {}
    for path in paths:
        with files.reading(path, "a result of barydef"):
            result = Result(path)
        groups.setdefault(tuple(text(result.file.attrs[name]) for name in SAME), []).append(result)
    for results in groups.values():
        first = results[0]
        print(f"## {first.dataset}: {len(first.labels)} images\n\n{as_markdown(table(results))}")


def main():
    parser = argparse.ArgumentParser(
        prog="barydef.adaptive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", metavar="RESULT.h5", nargs="+")
    paths = parser.parse_args().results
    errors.run(lambda: print_tables(paths), "barydef.adaptive")


if __name__ == "__main__":
    main()
