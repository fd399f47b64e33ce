"""What the figures of a report show, as numbers: one function for each, of which figures.py draws what it returns.  None where the
result has not what it takes."""

import itertools
from collections import namedtuple

import numpy as np

from result import BASELINES, CLEAN, plain

BLUR = "baseline.blur_sigma"
Row = namedtuple("Row", "name images seen")  # images [n,C,H,W]; seen: the victim's classes, or None
Grid = namedtuple(
    "Grid", "image why down rows across columns fixed runs"
)  # why this image; runs: {(row, column): run}
Front = namedtuple(
    "Front", "points beaten baselines blurs"
)  # in percent: clean, mean over the attacks


def choose(result, run, attack, count):
    """Images to show: first those the purifier recovers, then others it breaks, then the rest; none that failed."""
    records = result.per_image(run, attack)
    ok = records["status"] == 0
    before, after = (
        records[f"predicted_{name}"] == records["label"] for name in ("attacked", "purified")
    )
    order = np.argsort(np.where(~before & after, 0, np.where(before & ~after, 1, 2)), kind="stable")
    return [int(i) for i in order if ok[i]][:count]


def gallery(result, run, attack, count):
    """(images' numbers, Rows): the paper's Figure 2, clean, attacked, mean of the marginals, barycenter, and what was taken away."""
    chosen = choose(result, run, attack, count)
    purified, attacked = result.images(run, attack, chosen), result.attacked(attack, chosen)
    if purified is None or attacked is None:
        return None
    means = result.means(run, attacked)
    records, clean = (
        result.per_image(run, attack)[chosen],
        result.attacked(CLEAN, chosen) if attack != CLEAN else None,
    )
    seen = (
        result.per_image(run, CLEAN)["predicted_attacked"][chosen]
        if result.has_victim and CLEAN in result.attacks
        else None
    )
    rows = [Row("clean", clean, seen)] if clean is not None else []
    for name, images, field in (
        ("attacked", attacked, "attacked"),
        ("mean of marginals", means, "mean"),
        ("barycenter", purified, "purified"),
    ):
        rows.append(Row(name, images, records[f"predicted_{field}"] if result.has_victim else None))
    return chosen, rows + [Row("barycenter - attacked", purified - attacked, None)]


def sensitivity(result, run, attack, columns_at_most=12):
    """The paper's Figure 1: one image over the swept numbers, the first down, the others across; where they would make too many
    columns, the last ones stay at those of `run`, as do those that are no numbers."""
    swept = purifying(result)
    numeric = [name for name in swept if all(is_number(value) for value in result.values(name))]
    if not numeric or result.images(result.runs[0], attack, [0]) is None:
        return None
    down, across = (numeric[0], numeric[1:]) if len(numeric) > 1 else (None, numeric)
    while (
        len(across) > 1 and np.prod([len(result.values(name)) for name in across]) > columns_at_most
    ):
        across.pop()
    fixed = {
        name: plain(result.attribute(run, name))
        for name in swept
        if name != down and name not in across
    }
    rows, columns = result.values(down) if down else [""], list(
        itertools.product(*map(result.values, across))
    )
    runs = {}
    for one in result.runs:
        values = {name: plain(result.attribute(one, name)) for name in swept}
        if all(values[name] == value for name, value in fixed.items()):
            runs[
                rows.index(values[down]) if down else 0,
                columns.index(tuple(values[name] for name in across)),
            ] = one
    return Grid(
        *changing(result, run, attack, list(runs.values())),
        down,
        rows,
        across,
        columns,
        fixed,
        runs,
    )


def changing(result, run, attack, runs):
    """(image, why): one that the victim sees rightly in some of these runs and wrongly in others, as one right everywhere shows no sensitivity."""
    first = next(iter(choose(result, run, attack, 1)), 0)
    if not result.has_victim:
        return first, "It is the first that did not fail."
    right, sound = 0, True
    for one in runs:
        records = result.per_image(one, attack)
        right, sound = right + (records["predicted_purified"] == records["label"]).astype(
            int
        ), sound & (records["status"] == 0)
    sound &= (right > 0) & (right < len(runs))
    if not sound.any():
        return (
            first,
            "It is the first of the gallery, as no image is classified rightly at some of these settings and wrongly at others.",
        )
    image = int(np.argmin(np.where(sound, abs(2 * right - len(runs)), np.inf)))
    return image, (
        f"It was chosen because it is classified rightly at {right[image]} of these {len(runs)} settings and wrongly at the others: no other image "
        "comes nearer to half and half."
    )


def is_number(value):
    try:
        return np.isfinite(float(value))
    except ValueError:
        return False


def purifying(result):
    """The swept parameters that the barycenters depend on."""
    return [name for name in result.swept if not name.startswith("baseline.")]


def along(result, name):
    """{attack: (best, all)} in percent: for each value of a swept parameter the best over the other ones, and every run; on what the
    parameter changes: blurred images or barycenters."""
    values, found, images = result.values(name), {}, "blurred" if name == BLUR else "barycenter"
    for attack in result.attacks:
        every = [
            [
                100 * result.accuracy(run, attack, images)
                for run in result.runs
                if plain(result.attribute(run, name)) == value
            ]
            for value in values
        ]
        found[attack] = [max(some) for some in every], every
    return found


def heat_map(result, down, across):
    """(down, across, rows, columns, grid): mean accuracy over the attacks in percent, the best over the other parameters."""
    rows, columns = result.values(down), result.values(across)
    if len(rows) < len(columns):  # wide figures are small on a page
        down, across, rows, columns = across, down, columns, rows
    grid = np.full((len(rows), len(columns)), np.nan)
    for run in result.runs:
        place = rows.index(plain(result.attribute(run, down))), columns.index(
            plain(result.attribute(run, across))
        )
        grid[place] = np.nanmax([grid[place], 100 * result.robust_accuracy(run)])
    return down, across, rows, columns, grid


def front(result, blurs=None):
    """Clean against robust accuracy of every run, whether another is at least as good in both and better in one, and the baselines;
    `blurs` is a result over baseline.blur_sigma: [(sigma, point)]."""
    if CLEAN not in result.attacks or not result.robust:
        return None

    def point(of, run, name="barycenter"):
        return 100 * of.accuracy(run, CLEAN, name), 100 * of.robust_accuracy(run, name)

    points = np.array([point(result, run) for run in result.runs])
    beaten = np.array([np.any((points >= one).all(1) & (points > one).any(1)) for one in points])
    baselines = {}
    for name, label in BASELINES[:-1]:
        of = blurs if name == "blurred" and blurs else result
        baselines[label] = sorted({tuple(np.round(point(of, run, name), 3)) for run in of.runs})
    sigmas = (
        [(plain(blurs.attribute(run, BLUR)), point(blurs, run, "blurred")) for run in blurs.runs]
        if blurs
        else []
    )
    return Front(points, beaten, baselines, sigmas)


def per_class(result, run, attacks):
    """(classes, {"attacked" or "barycenter": percent [class][attack]}); failed images count as wrong."""
    classes, grids = np.unique(result.labels), {}
    records = [result.per_image(run, attack) for attack in attacks]
    for title, field in ("attacked", "attacked"), ("barycenter", "purified"):
        grids[title] = np.array(
            [
                [
                    100 * np.mean(one[f"predicted_{field}"][result.labels == number] == number)
                    for one in records
                ]
                for number in classes
            ]
        )
    return classes, grids
