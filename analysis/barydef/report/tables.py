"""The tables of a report as lists of rows, each with a caption."""

from dataclasses import dataclass

import numpy as np

from .. import published
from ..formats import CLEAN
from ..text import plain, short_name
from ..views import label_of, view_of
from . import data
from .table_formats import percent


KNOWLEDGE = "through", "gradient"  # columns of what an attacker knew
WORST = "worst case"


@dataclass(frozen=True)
class Table:
    """A table of a report.

    `name` is that of its files, `words` begin its caption and `more` ends it. `run` is the run
    whose parameters the caption tells, None for all runs. The page shows the rows `shown`, where
    those are not all. Columns `marked` are bold there, and so is the row that begins with `bold`.
    """

    name: str
    rows: list
    words: str
    run: str = None
    more: str = ""
    shown: list = None
    marked: tuple = ()
    bold: str = None


def caption(result, words, run=None):
    """What is in a table, of which images, and with the parameters of which run, or of all."""
    dataset = result.dataset or "a set without a name"
    runs = f"Run {run}" if run else "All runs"
    return f"{words}: {dataset}, {len(result.labels)} images. {runs}: {result.parameters(run)}."


def heading_of(result, run, view):
    """The label of a view and, where it has one, its parameter: "blurred 0.5"."""
    parameter = view_of(view).parameter
    if parameter is None:
        return label_of(view)
    return f"{label_of(view)} {result.setting(run, parameter)}"


def accuracies(result, run, attacks):
    """The form of the paper's Tables I to V, a row for each attack with the baselines beside.

    What the attackers knew is told where the result knows it, and the worst case is a row at the
    end. The paper's own figures are added where data set, attack and its bound match."""
    figures = published.figures(result)
    header = ["attack", "norm", "epsilon", *(KNOWLEDGE if result.is_known else ())]
    header += [heading_of(result, run, one) for one in result.views]
    header += ["95 % low", "95 % high", "recovered", "broken", "failed"]
    if any(attack in figures for attack in attacks):
        header += published.HEADS
    rows = [header]
    for attack in attacks:
        row = result.row(run, attack)
        epsilon = "" if np.isnan(row["epsilon"]) or attack == CLEAN else f"{row['epsilon']:.4g}"
        cells = [attack, plain(row["norm"]) if attack != CLEAN else "", epsilon]
        cells += result.knowledge[attack] if result.is_known else ()
        cells += [percent(row[f"{view}_accuracy"]) for view in result.views]
        cells += [percent(row[f"barycenter_accuracy_{end}"]) for end in ("low", "high")]
        cells += [str(row[field]) for field in ("recovered", "broken", "failed")]
        if len(header) > len(cells):
            cells += published.cells(figures, attack)
        rows.append(cells)
    return rows + ([worst_case(result, run, header)] if result.worst is not None else [])


def worst_case(result, run, header):
    """The row of the images that are right under every attack."""
    cells = dict.fromkeys(header, "")
    cells["attack"] = WORST
    for view in result.views:
        cells[heading_of(result, run, view)] = percent(result.worst_case(run, view))
    for end in "low", "high":
        cells[f"95 % {end}"] = percent(result.worst_case(run, end=f"_{end}"))
    return list(cells.values())


def narrowed(rows):
    """The same for a page, which has the interval and what was known in one column each."""
    rows = joined(rows, "95 % low", "95 %", "-")
    return joined(rows, KNOWLEDGE[0], KNOWLEDGE[0], ", ") if KNOWLEDGE[0] in rows[0] else rows


def joined(rows, name, heading, between):
    """The same with two columns in one, the first of which has this name."""
    at = rows[0].index(name)
    return [
        row[:at]
        + [heading if row is rows[0] else between.join(filter(None, row[at : at + 2]))]
        + row[at + 2 :]
        for row in rows
    ]


def changes(result, run, attacks):
    """What the purifier did to the images, victim or not.

    Distances are over all channels; residual and mass defect are the solver's own figures."""
    names = {
        "l2 to attacked": "l2_to_attacked_mean",
        "linf to attacked": "linf_to_attacked_mean",
        "l2 to clean": "l2_to_clean_mean",
        "linf to clean": "linf_to_clean_mean",
        "residual": "residual_mean",
        "mass defect, most": "mass_defect_max",
    }
    rows = [["attack", "images", "failed", *names, "unstable", "wide range"]]
    for attack in attacks:
        row = result.row(run, attack)
        numbers = ["" if np.isnan(row[field]) else f"{row[field]:.3g}" for field in names.values()]
        counts = [str(row[field]) for field in ("images", "failed", "unstable", "fallbacks")]
        rows.append([attack, *counts[:2], *numbers, *counts[2:]])
    return rows


def all_runs(result, attacks):
    """(rows, how many stand before the runs) of the accuracies on barycenters.

    Each run has its swept parameters, clean accuracy, the mean over all attacks, the worst case
    where the result has it, and each attack that is asked for. Before the runs stand the attacked
    images and every baseline that is the same for all runs. What differs from run to run
    has a column for its mean over the attacks instead."""
    clean, attacks = [CLEAN] * (CLEAN in attacks), [attack for attack in attacks if attack != CLEAN]

    def accuracies_of(run, view="barycenter"):
        cells = [percent(result.accuracy(run, attack, view)) for attack in clean + attacks]
        mean = [percent(result.robust_accuracy(run, view))]
        mean += [percent(result.worst_case(run, view))] * len(worst)
        return [*cells[: len(clean)], *mean, *cells[len(clean) :]]

    worst = [WORST] * (result.worst is not None)
    changing = [view for view in result.views[:-1] if differs(result, view)]
    own = changing if result.robust else []
    header = ["run", *map(short_name, result.swept), *clean, "mean of attacks", *worst, *attacks]
    rows = [header + [f"{label_of(view)}, mean of attacks" for view in own]]
    for view in result.views[:-1]:
        if view not in changing:
            numbers = accuracies_of(result.runs[0], view)
            rows.append([label_of(view), *[""] * len(result.swept), *numbers, *[""] * len(own)])
    before = len(rows)
    for run in result.runs:
        settings = [result.setting(run, name) for name in result.swept]
        means = [percent(result.robust_accuracy(run, view)) for view in own]
        rows.append([run, *settings, *accuracies_of(run), *means])
    return rows, before


def differs(result, view):
    """Whether what the victim is shown is another image from run to run.

    Attacked images are, where an attacker knew the purifier."""
    found = {
        tuple(np.nan_to_num([result.accuracy(run, one, view) for one in result.attacks], nan=-1))
        for run in result.runs
    }
    return len(found) > 1


def per_class(result, run, attacks):
    """Accuracy in percent on barycenters [class][attack]."""
    classes, grids = data.per_class(result, run, attacks)
    return [["class", "images"] + attacks] + [
        [str(number), str(np.sum(result.labels == number))]
        + [percent(value / 100) for value in line]
        for number, line in zip(classes, grids[label_of("barycenter")])
    ]
