"""The sections of a report, each with its heading, tables and figures."""

import html
import re

from .. import published
from ..formats import CLEAN
from ..text import shortened, text
from ..views import label_of
from . import data, figures, tables, words
from .tables import Table

LONGEST = 30  # rows of a table on the page; the files have all
CLASSES_MAX = 40  # of a figure by class; the table has all


def named_run(report):
    """ "run 003, gamma 2", for headings."""
    label = report.result.label(report.run, short=True)
    return f"run {report.run}" + (f", {label}" if label else "")


def accuracy(report):
    """The accuracies of the runs that are shown in detail, and of all runs."""
    result, run = report.result, report.run
    if not result.has_victim:
        return
    for one in [run] if report.named or len(result.runs) > 4 else result.runs:
        label = result.label(one, short=True)
        report.heading(f"Accuracy of the victim, %: run {one}" + (f", {label}" if label else ""))
        rows = tables.accuracies(result, one, report.attacks)
        shown = tables.narrowed(rows)
        report.table(
            Table(
                f"accuracy-{one}",
                rows,
                "Accuracy of the victim in percent",
                one,
                more=" ".join(notes_of(result, one, rows)),
                shown=shown,
                marked=(shown[0].index(label_of("barycenter")),),
            )
        )
    if len(result.runs) > 1:
        all_runs(report)


def notes_of(result, run, rows):
    """What the table of accuracies needs to be understood."""
    if published.HEADS[0] in rows[0]:
        yield published.note(result)
    if rows[-1][0] == tables.WORST:
        yield (
            "Worst case: images that are right under every one of the "
            f"{int(result.worst['attacks'][0])} attacks, those that are not shown included."
        )
    for attack in result.robust:
        if result.trust(run, attack):
            yield f"Trust in {attack}: {result.trust(run, attack)}."


def all_runs(report):
    """The table of all runs. The page has the best of them, and always the one shown in detail."""
    result, run = report.result, report.run
    rows, before = tables.all_runs(result, report.attacks)
    order, count = list(range(len(result.runs))), len(result.runs)
    heading, more = "All runs: accuracy on barycenters, %", ""
    if count > LONGEST:
        heading = f"The {LONGEST} runs of the highest mean, of {count}: accuracy on barycenters, %"
        order.sort(key=lambda i: -result.robust_accuracy(result.runs[i]))
        order = order[:LONGEST]
        if result.runs.index(run) not in order:
            order.append(result.runs.index(run))
            more = " at the end, since it is not one of these"
    report.heading(heading)
    has_own = rows[0][-1].endswith(", mean of attacks")
    report.table(
        Table(
            "runs",
            rows,
            "Accuracy on barycenters in percent",
            more="Above the runs stands the accuracy on the attacked images, and on baselines that "
            "are the same for all runs"
            + ("; of others the mean is at the right." if has_own else "."),
            shown=rows[:before] + [list(map(shortened, rows[before + i])) for i in order],
            bold=run,
        )
    )
    report.note(f"Run {run}, which is shown in detail, is in bold{more}.")


def front(report, blurs):
    """Clean against robust accuracy."""
    result, run = report.result, report.run
    found = data.front(result, blurs) if result.has_victim and len(result.runs) > 1 else None
    if found is None:
        return
    report.heading("Clean against robust accuracy")
    label = f"run {run}: {result.label(run, short=True)}"
    report.figure(
        "front",
        figures.front(found, result.runs.index(run), label),
        f"Each run, and the baselines; {words.who_knows(result)}"
        + ("; numbers at the blurs are their sigma in pixels" if blurs else ""),
    )


def sweeps(report):
    """What the swept parameters do, one by one and in pairs."""
    result = report.result
    if len(result.runs) < 2 or not result.has_victim:
        return
    many = len(result.swept) > 1
    report.heading("What the parameters do")
    report.note(
        (
            "Each point of a line is the highest accuracy on one attack of all runs that have this "
            "value, whatever their other parameters. It is the best for each attack by itself. "
            "So points above one another may be of different runs. "
        )
        * many
        + "Where lines coincide their marks lie in one another, "
        "the first of the legend outermost."
    )
    for name in result.swept:
        images = "blurred images" if data.changed_by(name) == "blurred" else "barycenters"
        dots = "every run"
        if many:
            dots = "lines are the best over the other parameters for each attack by itself, dots "
            dots += "every run"
        report.figure(
            "along-" + name.replace(".", "-"),
            figures.along(name, result.values(name), data.along(result, name), images),
            f"Accuracy on {images} against {name}: {dots}",
        )
    swept = data.purifying(result) if result.robust else []
    for i, down in enumerate(swept):
        for across in swept[i + 1 :]:
            report.figure(
                f"map-{down}-{across}".replace(".", "-"),
                figures.heat_map(*data.heat_map(result, down, across)),
                f"Mean accuracy over the attacks, for {down} and {across}"
                + ": the best over the other parameters" * (len(swept) > 2),
            )


def changes(report):
    """What the purifier did to the images."""
    report.heading(f"What changed: {named_run(report)}")
    rows = tables.changes(report.result, report.run, report.attacks)
    report.table(Table("changes", rows, "What the purifier did to the images", report.run))
    report.note(
        "The figures are means over the images that did not fail. Distances are those of the "
        "barycenter from the attacked and the clean image, with pixels in [0,1]. The residual says "
        "how far the marginals' barycenters are apart, with mass 1. Unstable are images for which "
        "tau is too long, and wide range those that left the range of float64."
    )


def galleries(report, attacks, count):
    """Draw a gallery of each attack. Returns how many there are."""
    result, run, drawn = report.result, report.run, 0
    order = "the first images"
    if result.has_victim:
        order = "first images that the purifier recovers, then some that it breaks, then others"
    for attack in attacks:
        shown = data.gallery(result, run, attack, count)
        if shown:
            chosen, rows = shown
            report.figure(
                "gallery-" + re.sub(r"[^A-Za-z0-9._-]", "_", attack),
                figures.gallery(rows, result.labels[chosen]),
                f"{attack}, run {run}: {order}",
            )
            drawn += 1
    return drawn


def pictures(report, attacks, count):
    """Galleries, and one image over the swept parameters."""
    result, run = report.result, report.run
    report.heading(f"Images: run {run}")
    if not galleries(report, attacks, count):
        report.note(
            "There is no gallery, which needs the purified images (output.images = yes) "
            "and the input file (--input)."
        )
    grid = data.sensitivity(result, run, attacks[0]) if len(result.runs) > 1 else None
    if grid:
        fixed = "".join(f"; {name} is {shortened(value)}" for name, value in grid.fixed.items())
        report.figure(
            "sensitivity",
            figures.sensitivity(result, attacks[0], grid),
            f"Image {grid.image} (class {result.labels[grid.image]}) of {attacks[0]} "
            f"over the swept parameters{fixed}. {grid.why}",
        )


def by_class(report):
    """Accuracy by class and attack."""
    result, run = report.result, report.run
    if not result.has_victim:
        return
    report.heading(f"By class: run {run}")
    # Clean comes first, where a narrow window shows it, as in the table of all runs.
    attacks = sorted(report.attacks, key=lambda attack: attack != CLEAN)
    classes, grids = data.per_class(result, run, attacks)
    if len(classes) <= CLASSES_MAX:
        report.figure(
            "per-class",
            figures.per_class(attacks, classes, grids),
            f"Accuracy by class and attack, run {run}, "
            "of the attacked images and of their barycenters",
        )
    rows = tables.per_class(result, run, attacks)
    report.table(
        Table(
            "per-class",
            rows,
            "Accuracy on barycenters by class, in percent",
            run,
            shown=rows[: 1 + LONGEST],
        )
    )


def provenance(report):
    """How the result was made, with the whole job."""
    report.heading("How it was made")
    report.note(words.cost(report.result))
    report.terms(words.made_with(report.result))
    job = html.escape(text(report.result.file.attrs["job"]))
    report.parts.append(f"<details><summary>The job</summary><pre>{job}</pre></details>")
