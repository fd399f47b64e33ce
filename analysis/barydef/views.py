"""Views, which the victim is shown of an image. Each that has a name in words has a row here.

A result stores X_accuracy for each view X in /statistics. Whatever columns it has are taken. A view
without a row here is called by its own name."""

from collections import namedtuple

import numpy as np

# predicted: its name in per_image, where that is another; parameter: what is shown beside its label
View = namedtuple("View", "label meaning predicted parameter", defaults=(None, None))
VIEWS = {
    "attack": View("attacked", "", "attacked"),
    "rounded": View("8 bits", "the attacked image, rounded to 8 bits."),
    "blurred": View(
        "blurred",
        "the attacked image, blurred; the number is sigma in pixels.",
        parameter="baseline.blur_sigma",
    ),
    "mean": View(
        "mean of marginals",
        "the plain mean of the moved copies that make the barycenter.",
    ),
    "median": View("median", "the attacked image, each pixel the median of 3 x 3."),
    "jpeg": View(
        "JPEG",
        "the attacked image, compressed; the number is the quality.",
        parameter="baseline.jpeg_quality",
    ),
    "total_variation": View(
        "total variation",
        "the attacked image, denoised; the number is the weight of the total variation.",
        parameter="baseline.tv_weight",
    ),
    "barycenter": View("barycenter", "", "purified"),
}
ENDS = "attack", "barycenter"  # every other view is a baseline


def view_of(name):
    return VIEWS.get(name, View(name, "the baseline of this name."))


def label_of(name):
    return view_of(name).label


def predicted_field(name):
    """The field of per_image that holds what the victim saw in this view."""
    return f"predicted_{view_of(name).predicted or name}"


def baselines_of(rows):
    """Baselines that a table of statistics has numbers of, in the order of its columns.

    The column of a baseline that the job did not ask for holds nothing but NaN."""
    columns = [name[: -len("_accuracy")] for name in rows.dtype.names if name.endswith("_accuracy")]
    return [
        name
        for name in columns
        if name not in ENDS and not np.isnan(rows[f"{name}_accuracy"]).all()
    ]
