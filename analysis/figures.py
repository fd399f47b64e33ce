"""The figures of a report.  Each function draws one and returns it, or None where the result has not what it takes."""

import itertools
import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import result as results
from result import BASELINES, CLEAN, plain, shortened

plt.rcParams["text.parse_math"] = False  # names of attacks and files are no formulas
COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#555555", "#ee8866", "#44bb99", "#9970ab"]
GOOD, BAD = "#206020", "#b02020"


def show(ax, image, **options):
    """An image [C,H,W], grey or RGB."""
    shown = image.transpose(1, 2, 0).squeeze()
    if shown.ndim == 3 and shown.shape[2] != 3:
        shown = shown.mean(2)
    options = options or {"cmap": "gray", "vmin": 0, "vmax": 1}
    ax.imshow(shown.mean(2) if shown.ndim == 3 and "norm" in options else np.clip(shown, 0, 1) if "norm" not in options else shown, **options)
    ax.set_xticks([])
    ax.set_yticks([])


def choose(result, run, attack, count):
    """Images to show: first those the purifier recovers, then others it breaks, then the rest; none that failed."""
    records = result.per_image(run, attack)
    ok = records["status"] == 0
    before, after = (records[f"predicted_{name}"] == records["label"] for name in ("attacked", "purified"))
    order = np.argsort(np.where(~before & after, 0, np.where(before & ~after, 1, 2)), kind="stable")
    return [int(i) for i in order if ok[i]][:count]


def gallery(result, run, attack, count=8):
    """The paper's Figure 2: clean, attacked, mean of the marginals, barycenter, and what was taken away."""
    rows = choose(result, run, attack, count)
    purified, attacked = result.images(run, attack, rows), result.attacked(attack, rows)
    if purified is None or attacked is None:
        return None
    motions, interpolation = (results.text(result.attribute(run, f"marginals.{name}")) for name in ("set", "interpolation"))
    means = np.stack([results.mean_of_marginals(image, motions, interpolation) for image in attacked])
    clean = result.attacked(CLEAN, rows)
    records = result.per_image(run, attack)[rows]
    most = np.abs(purified - attacked).max()
    difference = matplotlib.colors.Normalize(-most, most)
    columns = [("clean", clean, None)] if clean is not None else []
    columns += [("attacked", attacked, "attacked"), ("mean of marginals", means, "mean"), ("barycenter", purified, "purified"),
                (f"barycenter\n- attacked\n(red -{most:.2f},\nblue +{most:.2f})", purified - attacked, None)]
    figure, axes = plt.subplots(len(columns), len(rows), figsize=(1.15 * len(rows) + 1.2, 1.25 * len(columns)), squeeze=False, layout="constrained")
    for line, (name, images, field) in zip(axes, columns):
        for ax, image, record in zip(line, images, records):
            show(ax, image, **({"cmap": "RdBu", "norm": difference} if name.startswith("barycenter\n") else {}))
            if field and result.has_victim:
                seen = record[f"predicted_{field}"]
                ax.set_title(f"seen as {seen}", fontsize=8, pad=3, color=GOOD if seen == record["label"] else BAD)
        line[0].set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center", labelpad=6)
    return figure


def sensitivity(result, attack, image=None, columns_at_most=12):
    """The paper's Figure 1: one image over the swept numbers, the first down, the others across; where they would make too many
    columns, the last ones stay at those of the best run."""
    numeric = [name for name in result.swept if all(is_number(value) for value in result.values(name))]
    if not numeric or result.images(result.runs[0], attack, [0]) is None:
        return None
    down, across = (numeric[0], numeric[1:]) if len(numeric) > 1 else (None, numeric)
    while len(across) > 1 and np.prod([len(result.values(name)) for name in across]) > columns_at_most:
        across.pop()
    best = result.best()
    fixed = {name: plain(result.attribute(best, name)) for name in result.swept if name != down and name not in across}
    rows, columns = result.values(down) if down else [""], list(itertools.product(*map(result.values, across)))
    image = next(iter(choose(result, best, attack, 1)), 0) if image is None else image
    figure, axes = plt.subplots(len(rows), len(columns), figsize=(1.05 * len(columns) + 1.2, 1.2 * len(rows) + 0.8), squeeze=False, layout="constrained")
    for run in result.runs:
        values = {name: plain(result.attribute(run, name)) for name in result.swept}
        if all(values[name] == value for name, value in fixed.items()):
            ax = axes[rows.index(values[down]) if down else 0, columns.index(tuple(values[name] for name in across))]
            record = result.per_image(run, attack)[image]
            if record["status"]:
                ax.text(0.5, 0.5, "failed", ha="center", va="center", fontsize=8, color=BAD, transform=ax.transAxes)
            else:
                show(ax, result.images(run, attack, [image])[0])
            if result.has_victim and not record["status"]:
                right = record["predicted_purified"] == record["label"]
                ax.set_title(f"seen as {record['predicted_purified']}", fontsize=8, pad=3, color=GOOD if right else BAD)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for ax, values in zip(axes[-1], columns):
        ax.set_xlabel("\n".join(f"{name.split('.')[1]} {value}" for name, value in zip(across, values)), fontsize=9)
    for ax, value in zip(axes[:, 0], rows):
        ax.set_ylabel(f"{down.split('.')[1]} {value}" if down else "", fontsize=9)
    figure.suptitle(f"image {image} of {attack}" + "".join(f", {name.split('.')[1]} {shortened(value)}" for name, value in fixed.items()), fontsize=9)
    return figure


def is_number(value):
    try:
        return np.isfinite(float(value))
    except ValueError:
        return False


def along(result, name):
    """Accuracy of each attack against a swept parameter: the best over the other swept ones, and as dots every run."""
    values = result.values(name)
    numeric = all(is_number(value) for value in values)
    at = [float(value) for value in values] if numeric else list(range(len(values)))
    figure, ax = plt.subplots(figsize=(8 if numeric else min(8, 3 + 1.2 * len(values)), 4.4), layout="constrained")
    for attack, colour in zip(result.attacks, COLOURS * 9):
        best = [-1.0] * len(values)
        for run in result.runs:
            place, accuracy = values.index(plain(result.attribute(run, name))), 100 * result.accuracy(run, attack)
            best[place] = max(best[place], accuracy)
            ax.plot(at[place], accuracy, ".", color=colour, alpha=0.35, markersize=5)
        line = ("--" if attack == CLEAN else "-") if numeric else "_"  # nothing lies between two sets of marginals
        ax.plot(at, best, line, color=colour, label=attack, markersize=22, markeredgewidth=2)
    if numeric and min(at) > 0 and max(at) / min(at) > 20:
        ax.set_xscale("log")
    if not numeric or len(at) <= 8:
        ax.set_xticks(at, [textwrap.fill(shortened(value), 80 // len(values)) for value in values], fontsize=8)
        ax.set_xticks([], minor=True)
    ax.set(xlabel=name, ylabel="accuracy on barycenters, %", ylim=(-2, 102))
    ax.margins(x=0.08)
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=0.5)
    return figure


def heat_map(result, down, across):
    """Mean accuracy over the attacks, for two swept parameters: the best over the others."""
    rows, columns = result.values(down), result.values(across)
    if len(rows) < len(columns):  # wide figures are small on a page
        down, across, rows, columns = across, down, columns, rows
    grid = np.full((len(rows), len(columns)), np.nan)
    for run in result.runs:
        place = rows.index(plain(result.attribute(run, down))), columns.index(plain(result.attribute(run, across)))
        grid[place] = np.nanmax([grid[place], 100 * result.robust_accuracy(run)])
    names, heads = ([textwrap.fill(shortened(value), width) for value in values] for values, width in ((rows, 30), (columns, 14)))
    size = 2.6 + 0.9 * len(columns) + 0.07 * max(map(len, "\n".join(names).split("\n"))), max(2.8, 1.3 + 0.42 * len(rows))
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    picture = ax.imshow(grid, cmap="viridis", aspect="auto")
    ax.set_xticks(range(len(columns)), heads, fontsize=8)
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.set(xlabel=across, ylabel=down)
    for (y, x), value in np.ndenumerate(grid):
        if np.isfinite(value):
            ax.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=8, color="white" if picture.norm(value) < 0.6 else "black")
    figure.colorbar(picture, label="mean over the attacks, %")
    return figure


def front(result, blurs=None):
    """Clean against robust accuracy: every run, those no other run beats in both, and the baselines; `blurs` is a result over
    baseline.blur_sigma."""
    if CLEAN not in result.attacks or not result.robust:
        return None
    points = np.array([(100 * result.accuracy(run, CLEAN), 100 * result.robust_accuracy(run)) for run in result.runs])
    best = np.array([not np.any((points >= point).all(1) & (points > point).any(1)) for point in points])
    figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
    if not best.all():
        ax.plot(*points[~best].T, "o", color="#999999", markersize=4, label="runs")
    order = np.argsort(points[best][:, 0])
    ax.plot(*points[best][order].T, "o-", color=COLOURS[0], markersize=5, label="runs no other beats in both")
    for (name, label), marker, colour in zip(BASELINES[:-1], "sDv^", COLOURS[1:]):
        of = blurs if name == "blurred" and blurs else result
        found = sorted({(round(100 * of.accuracy(run, CLEAN, name), 3), round(100 * of.robust_accuracy(run, name), 3)) for run in of.runs})
        ax.plot(*zip(*found), marker, color=colour, markersize=7, label=label)
    for run in blurs.runs if blurs else []:
        point = 100 * blurs.accuracy(run, CLEAN, "blurred"), 100 * blurs.robust_accuracy(run, "blurred")
        ax.annotate(plain(blurs.attribute(run, "baseline.blur_sigma")), point, textcoords="offset points", xytext=(6, -3), fontsize=7)
    place = result.runs.index(result.best())
    ax.plot(*points[place], "*", color="black", markersize=11, label=textwrap.fill(f"run {result.best()}: {result.label(result.best(), short=True)}", 26))
    for low, high, limit in (*ax.get_xlim(), ax.set_xlim), (*ax.get_ylim(), ax.set_ylim):
        spare = max(0, 5 - (high - low)) / 2  # a tenth of a point is no difference
        limit(low - spare, min(high + spare, 101))
    ax.set(xlabel="accuracy on clean images, %", ylabel="mean accuracy over the attacks, %")
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def per_class(result, run):
    """Accuracy by class and attack, attacked and purified."""
    classes = np.unique(result.labels)
    grids = []
    for field in "attacked", "purified":
        columns = [result.per_image(run, attack) for attack in result.attacks]
        grids.append(np.array([[100 * np.mean(records[f"predicted_{field}"][result.labels == number] == number) for records in columns] for number in classes]))
    if len(classes) > 40:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(2.4 + 1.0 * len(result.attacks), 1.6 + 0.24 * len(classes)), sharey=True, layout="constrained")
    for ax, grid, title in zip(axes, grids, ("attacked", "barycenter")):
        picture = ax.imshow(grid, vmin=0, vmax=100, cmap="viridis", aspect="auto")
        ax.set_xticks(range(len(result.attacks)), result.attacks, rotation=30, ha="right", fontsize=8)
        ax.set_yticks(range(len(classes)), classes, fontsize=8)
        ax.set_title(title, fontsize=10)
        for (y, x), value in np.ndenumerate(grid):
            ax.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=7.5, color="white" if value < 60 else "black")
    axes[0].set_ylabel("class")
    figure.colorbar(picture, ax=axes, label="accuracy, %")
    return figure


def heat(maps, labels):
    """The paper's Figure 3: Grad-CAM of clean, attacked and barycenter.  maps: [(name, images, maps, classes)]."""
    figure, axes = plt.subplots(len(maps), len(labels), figsize=(1.2 * len(labels) + 1.2, 1.35 * len(maps)), squeeze=False, layout="constrained")
    for line, (name, images, heats, classes) in zip(axes, maps):
        for ax, image, one, seen, label in zip(line, images, heats, classes, labels):
            show(ax, image)
            ax.imshow(one, cmap="jet", alpha=0.45, vmin=0, vmax=1)
            ax.set_title(f"seen as {seen}", fontsize=8, pad=3, color=GOOD if seen == label else BAD)
        line[0].set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center", labelpad=6)
    return figure
