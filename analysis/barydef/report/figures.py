"""The figures of a report. Each function draws what one of data.py returned.

No figure is wider than a page of words unless it shows many images."""

import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from ..formats import CLEAN  # noqa: E402
from ..text import short_name, shortened  # noqa: E402

# Names of attacks and files are no formulas.
plt.rcParams.update({"text.parse_math": False, "axes.labelsize": 10})
COLOURS = [
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#555555",
    "#ee8866",
    "#44bb99",
    "#9970ab",
]
MARKERS = "sDv^<>pPX"
GOOD, BAD = "#206020", "#b02020"
WIDE = 6.6  # inches of a figure


def show(ax, image, **options):
    """An image [C,H,W], grey or RGB."""
    shown = image.transpose(1, 2, 0).squeeze()
    if shown.ndim == 3 and shown.shape[2] != 3:
        shown = shown.mean(2)
    options = options or {"cmap": "gray", "vmin": 0, "vmax": 1}
    if "norm" not in options:
        shown = np.clip(shown, 0, 1)
    elif shown.ndim == 3:
        shown = shown.mean(2)
    ax.imshow(shown, **options)


def image_axes(rows, columns, high=1.45):
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(3.8, 1.08 * columns + 0.1), high * rows),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    return figure, axes


def head(line, words):
    """Words above a row of images, which may be wider than its first image.

    The images are at the left of their axes, as a row of one image is narrower than the words."""
    for ax in line:
        ax.set_anchor("W")
    line[0].set_title(" ", fontsize=9)  # keeps the room
    line[0].annotate(
        words,
        (0, 1),
        xytext=(0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
    ).set_in_layout(False)


def seen_as(ax, seen, label):
    if seen >= 0:  # else the clean image failed
        ax.set_xlabel(
            f"seen as {seen}", fontsize=8.5, labelpad=2, color=GOOD if seen == label else BAD
        )


def legend(ax, lines=1, **options):
    """A legend below the axes and their labels of so many lines, where no window cuts it off."""
    ax.legend(
        fontsize=9,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.11 - 0.05 * lines),
        ncol=3,
        **options,
    )


def numbers(ax, picture, grid, size):
    """Write the values of a grid into its fields, in black or white, whichever can be read."""
    for (y, x), value in np.ndenumerate(grid):
        if np.isfinite(value):
            light = np.dot(
                np.power(picture.cmap(picture.norm(value))[:3], 2.2), (0.2126, 0.7152, 0.0722)
            )
            ax.text(
                x,
                y,
                f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=size,
                color="black" if light > 0.18 else "white",
            )


def gallery(rows, labels):
    """Rows of images; the last one is signed."""
    figure, axes = image_axes(len(rows), len(labels))
    most = np.abs(rows[-1].images).max()
    signed = {"cmap": "RdBu", "norm": matplotlib.colors.Normalize(-most, most)}
    for line, row in zip(axes, rows):
        is_difference = row is rows[-1]
        for i, ax in enumerate(line):
            show(ax, row.images[i], **(signed if is_difference else {}))
            if row.seen is not None:
                seen_as(ax, row.seen[i], labels[i])
        head(line, f"{row.name} (red -{most:.2f}, blue +{most:.2f})" if is_difference else row.name)
    return figure


def sensitivity(result, attack, grid):
    figure, axes = image_axes(len(grid.rows), len(grid.columns), 1.32)
    for place, ax in np.ndenumerate(axes):
        if place not in grid.runs:
            ax.set_axis_off()  # no run has these values
            continue
        record = result.per_image(grid.runs[place], attack)[grid.image]
        if record["status"]:
            ax.text(
                0.5,
                0.5,
                "failed",
                ha="center",
                va="center",
                fontsize=9,
                color=BAD,
                transform=ax.transAxes,
            )
        else:
            show(ax, result.images(grid.runs[place], attack, [grid.image])[0])
            if result.has_victim:
                seen_as(ax, record["predicted_purified"], record["label"])
    for ax, values in zip(axes[0], grid.columns):
        ax.set_title(
            "\n".join(f"{short_name(name)} {value}" for name, value in zip(grid.across, values)),
            fontsize=9,
        )
    for ax, value in zip(axes[:, 0], grid.rows):
        ax.set_ylabel(
            f"{short_name(grid.down)} {value}" if grid.down else "", fontsize=9, visible=True
        )
    return figure


def along(name, values, found, images="barycenters"):
    """A line over the best of each value, and a dot for every run.

    Values that are no numbers have nothing between them, so there is no line. Rings of different
    sizes, the first outermost, show all attacks where lines coincide."""
    try:
        at = [float(value) for value in values]
    except ValueError:
        at = None
    numeric = at is not None
    figure, ax = plt.subplots(figsize=(WIDE, 4.4), layout="constrained")
    at = at if numeric else list(range(len(values)))
    for (attack, (best, every)), colour, more in zip(
        found.items(), COLOURS * 9, np.linspace(1, 0, len(found))
    ):
        for place, some in zip(at, every):
            ax.plot([place] * len(some), some, ".", color=colour, alpha=0.35, markersize=5)
        if numeric:
            size, edge = 4 + 1.9 * (len(found) - 1) * more, 1.3
            style = "o--" if attack == CLEAN else "o-"
        else:
            size, edge, style = 12 + 26 * more, 2 + 2 * more, "_"
        ax.plot(
            at,
            best,
            style,
            color=colour,
            label=attack,
            linewidth=1.5,
            markerfacecolor="none",
            markersize=size,
            markeredgewidth=edge,
        )
    if numeric and min(at) > 0 and max(at) / min(at) > 20:
        ax.set_xscale("log")
    names = [textwrap.fill(shortened(value), max(6, 72 // len(values))) for value in values]
    if not numeric or len(at) <= 8:
        ax.set_xticks(at, names, fontsize=9)
        ax.set_xticks([], minor=True)
    ax.set(xlabel=name, ylabel=f"accuracy on {images}, %", ylim=(-2, 102))
    ax.margins(x=0.08)
    legend(ax, 1 + max(name.count("\n") for name in names), markerscale=0.6)
    return figure


def heat_map(down, across, rows, columns, grid):
    names, heads = (
        [textwrap.fill(shortened(value), width) for value in values]
        for values, width in ((rows, 30), (columns, 14))
    )
    longest = max(map(len, "\n".join(names).split("\n")))
    size = 2.6 + 0.9 * len(columns) + 0.07 * longest, max(2.8, 1.3 + 0.42 * len(rows))
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    picture = ax.imshow(grid, cmap="viridis", aspect="auto")
    ax.set_xticks(range(len(columns)), heads, fontsize=9)
    ax.set_yticks(range(len(rows)), names, fontsize=9)
    ax.set(xlabel=across, ylabel=down)
    numbers(ax, picture, grid, 9)
    figure.colorbar(picture, label="mean over the attacks, %")
    return figure


def front(data, place, words):
    """Clean against robust accuracy. The run at `place` is marked, and named by these words."""
    figure, ax = plt.subplots(figsize=(WIDE, 5), layout="constrained")
    if data.beaten.any():
        ax.plot(*data.points[data.beaten].T, "o", color="#999999", markersize=4, label="runs")
    best = data.points[~data.beaten]
    ax.plot(
        *best[np.argsort(best[:, 0], kind="stable")].T,
        "o-",
        color=COLOURS[0],
        markersize=5,
        label="runs no other beats in both",
    )
    for (label, points), marker, colour in zip(data.baselines.items(), MARKERS, COLOURS[1:]):
        ax.plot(*zip(*points), marker, color=colour, markersize=7, label=label)
    for i, (sigma, point) in enumerate(data.blurs):
        # Neighbours are close, so the labels stand left and right in turn.
        ax.annotate(
            sigma,
            point,
            textcoords="offset points",
            xytext=(-6 if i % 2 else 6, -3),
            ha="right" if i % 2 else "left",
            fontsize=8,
        )
    ax.plot(*data.points[place], "*", color="black", markersize=11, label=textwrap.fill(words, 28))
    for low, high, limit in (*ax.get_xlim(), ax.set_xlim), (*ax.get_ylim(), ax.set_ylim):
        spare = max(0, 5 - (high - low)) / 2  # a tenth of a point is no difference
        limit(max(low - spare, 0), min(high + spare, 100))
    for line in ax.lines:
        line.set_clip_on(False)  # a marker at 100 is drawn whole
    ax.set(xlabel="accuracy on clean images, %", ylabel="mean accuracy over the attacks, %")
    legend(ax)
    return figure


def per_class(attacks, classes, grids):
    figure, axes = plt.subplots(
        1,
        2,
        figsize=(1.6 + 0.95 * len(attacks), 1.6 + 0.26 * len(classes)),
        sharey=True,
        layout="constrained",
    )
    for ax, (title, grid) in zip(axes, grids.items()):
        picture = ax.imshow(grid, vmin=0, vmax=100, cmap="viridis", aspect="auto")
        ax.set_xticks(
            range(len(attacks)),
            attacks,
            rotation=40,
            ha="right",
            rotation_mode="anchor",
            fontsize=9,
        )
        ax.set_yticks(range(len(classes)), classes, fontsize=9)
        ax.set_title(title, fontsize=10)
        numbers(ax, picture, grid, 8.5)
    axes[0].set_ylabel("class")
    figure.colorbar(picture, ax=axes, label="accuracy, %")
    return figure


def heat(maps, labels):
    """The paper's Figure 3: Grad-CAM of clean, attacked and barycenter.

    maps: [(name, images, heat maps, classes)]."""
    figure, axes = image_axes(len(maps), len(labels))
    for line, (name, images, heats, classes) in zip(axes, maps):
        for ax, image, one, seen, label in zip(line, images, heats, classes, labels):
            show(ax, image)
            ax.imshow(one, cmap="jet", alpha=0.45, vmin=0, vmax=1)
            seen_as(ax, seen, label)
        head(line, name)
    return figure
