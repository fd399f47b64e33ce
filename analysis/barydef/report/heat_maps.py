"""Grad-CAM in a report shows where the victim looks.

A victim may be any program, so none of its failures costs the report."""

import numpy as np

from ..errors import Failed, Unsuitable, line_of
from ..files import digest, reading
from ..formats import CLEAN
from ..text import text
from . import data, figures
from .tables import Table
from .words import lack_of

IMAGES_MAX = 200  # whose heat maps are compared


def looker_of(result, path, layer):
    """The gradcam.Victim in this file.

    Where the result had a victim it must be the same, as the heat maps of another one would be
    taken for its own."""
    with reading(path, "a TorchScript classifier"):
        stored, given = text(result.file.attrs["victim_digest"]), digest(path)
        if result.has_victim and given != stored:
            name = text(result.attribute(result.runs[0], "victim.file"))
            raise Unsuitable(
                f"{path} (XXH3-128 {given}) is not the victim of {result.path}, "
                f"which was {name} ({stored})"
            )
    from . import gradcam

    with reading(path, "a TorchScript classifier"):
        return gradcam.Victim(path, layer)


def heat_maps(report, looker, attack):
    """(numbers of the images, {name: [images, heat, classes]}) of clean, attacked, barycenter.

    A name is left out where its images are not there."""
    from . import gradcam

    result, run, found = report.result, report.run, {}
    rows = data.choose(result, run, attack, IMAGES_MAX)
    for i in range(0, len(rows), gradcam.BATCH):
        some = rows[i : i + gradcam.BATCH]
        for name, images in (
            ("clean", result.attacked(CLEAN, some)),
            ("attacked", result.attacked(attack, some)),
            ("barycenter", result.images(run, attack, some)),
        ):
            if images is not None:
                found.setdefault(name, []).append((images, *looker.maps(images)))
    return rows, {
        name: [np.concatenate(parts) for parts in zip(*batches)] for name, batches in found.items()
    }


def likeness(found):
    """Rows of a table that compares the heat maps pairwise."""
    from . import gradcam

    rows = [["heat maps of", "images", "cosine, mean", "median", "one or both empty"]]
    for a, b in ("clean", "attacked"), ("clean", "barycenter"), ("attacked", "barycenter"):
        if a not in found or b not in found:
            continue
        ones, others = found[a][1], found[b][1]
        both = ones.any((1, 2)) & others.any((1, 2))
        cosine = gradcam.similarity(ones, others)[both] if both.any() else np.array([np.nan])
        numbers = f"{cosine.mean():.3f}", f"{np.median(cosine):.3f}"
        rows.append([f"{a} and {b}", str(both.sum()), *numbers, str((~both).sum())])
    return rows


def draw(report, attack, looker, count):
    """Draw the heat maps of the first images, and the table of how alike all are."""
    result, run = report.result, report.run
    rows, found = heat_maps(report, looker, attack)
    if len(found) < 2:
        raise Failed("it needs the input file (--input) and purified images")
    picture = figures.heat(
        [(name, *(part[:count] for part in parts)) for name, parts in found.items()],
        result.labels[rows[:count]],
    )
    report.figure(
        "grad-cam",
        picture,
        f"What speaks for the class that the victim sees: {attack}, run {run}; "
        "where a map is empty, no part of the image does",
    )
    title = f"Likeness of heat maps (Grad-CAM), {attack}"
    report.table(Table("grad-cam-similarity", likeness(found), title, run))
    report.note(
        "A cosine of 1 means that the maps point at the same pixels. "
        "The images are in the order of the galleries, recovered ones first."
    )
    records = result.per_image(run, attack)[rows]
    other = sum(
        np.sum(found[name][2] != records[f"predicted_{field}"])
        for name, field in (("attacked", "attacked"), ("barycenter", "purified"))
        if name in found
    )
    if result.has_victim and other:
        report.note(
            f"In {other} images the victim sees another class here than in the run, "
            "since this PyTorch or this processor rounds otherwise."
        )


def where_it_looks(report, attack, victim, looker, layer, count):
    """Write the section. `looker` is looker_of the victim, where that was asked for before."""
    report.heading("Where the victim looks (Grad-CAM)")
    result = report.result
    if not victim:
        named = ""
        if result.has_victim:
            named = f", {text(result.attribute(report.run, 'victim.file'))}"
        report.note(
            "Not drawn, since no victim was named. A victim is a program, and would run with your "
            "rights. --victim FILE draws the heat maps of that file, and --use-victim-of-result "
            f"those of the file that the job named{named}."
        )
        return
    if not result.has_victim:
        report.note(
            f"The job named no victim, so only the heat maps are of {victim}, "
            "and nothing else in this report is."
        )
    try:
        draw(report, attack, looker or looker_of(result, victim, layer), count)
    except Exception as problem:  # noqa: BLE001
        report.lack = lack_of(victim, line_of(problem))
        report.note(report.lack)
