"""What the figures of a report show, as numbers, with a function for each figure.

figures.py draws what the function returns. It returns None where the result lacks what it takes."""

import itertools
from collections import namedtuple

import numpy as np

from ..formats import CLEAN
from ..views import label_of, view_of

BLUR = view_of("blurred").parameter
Row = namedtuple("Row", "name images seen")  # images [n,C,H,W]; seen: the victim's classes, or None
# image and why it was chosen; runs: {(row, column): run}
Grid = namedtuple("Grid", "image why down rows across columns fixed runs")
# in percent: clean, mean over the attacks
Front = namedtuple("Front", "points beaten baselines blurs")


def choose(result, run, attack, count):
    """Images to show: first those the purifier recovers, then those it breaks, then the rest.

    Images that failed are left out."""
    ok = result.per_image(run, attack)["status"] == 0
    before, after = (result.right(run, attack, view) for view in ("attack", "barycenter"))
    order = np.argsort(np.where(~before & after, 0, np.where(before & ~after, 1, 2)), kind="stable")
    return [int(i) for i in order if ok[i]][:count]


def gallery(result, run, attack, count):
    """(numbers of the images, Rows) of the paper's Figure 2.

    The rows: clean, attacked, mean of the marginals, barycenter, and what was taken away."""
    chosen = choose(result, run, attack, count)
    purified, attacked = result.images(run, attack, chosen), result.attacked(attack, chosen)
    if purified is None or attacked is None:
        return None
    records, rows = result.per_image(run, attack)[chosen], []
    clean = result.attacked(CLEAN, chosen) if attack != CLEAN else None
    if clean is not None:
        has_clean = result.has_victim and CLEAN in result.attacks
        cleans = result.per_image(run, CLEAN)["predicted_attacked"][chosen] if has_clean else None
        rows.append(Row("clean", clean, cleans))
    for name, images, field in (
        ("attacked", attacked, "attacked"),
        ("mean of marginals", result.means(run, attacked), "mean"),
        ("barycenter", purified, "purified"),
    ):
        rows.append(Row(name, images, seen_in(result, records, field)))
    return chosen, rows + [Row("barycenter - attacked", purified - attacked, None)]


def seen_in(result, records, field):
    """The victim's classes; None without a victim, or of a view it was not asked for."""
    seen = records[f"predicted_{field}"]
    return seen if result.has_victim and (seen >= 0).any() else None


def sensitivity(result, run, attack, columns_at_most=12):
    """The paper's Figure 1, one image over the swept numbers, the first down, the others across.

    Where they would make too many columns, the last ones stay at the values of `run`, as do
    parameters that are no numbers."""
    swept = purifying(result)
    numeric = [name for name in swept if all(is_number(value) for value in result.values(name))]
    if not numeric or result.images(result.runs[0], attack, [0]) is None:
        return None
    down, across = (numeric[0], numeric[1:]) if len(numeric) > 1 else (None, numeric)
    while (
        len(across) > 1 and np.prod([len(result.values(name)) for name in across]) > columns_at_most
    ):
        across.pop()
    moving = {down, *across}
    fixed = {name: result.setting(run, name) for name in swept if name not in moving}
    rows = result.values(down) if down else [""]
    columns = list(itertools.product(*map(result.values, across)))
    runs = {}
    for one in result.runs:
        values = {name: result.setting(one, name) for name in swept}
        if all(values[name] == value for name, value in fixed.items()):
            row = rows.index(values[down]) if down else 0
            runs[row, columns.index(tuple(values[name] for name in across))] = one
    image, why = changing(result, run, attack, list(runs.values()))
    return Grid(image, why, down, rows, across, columns, fixed, runs)


def changing(result, run, attack, runs):
    """(image, why) of one that the victim sees rightly in some of these runs and not in others.

    An image that is right everywhere would show no sensitivity."""
    first = next(iter(choose(result, run, attack, 1)), 0)
    if not result.has_victim:
        return first, "It is the first that did not fail."
    right, sound = 0, True
    for one in runs:
        right = right + result.right(one, attack, "barycenter").astype(int)
        sound &= result.per_image(one, attack)["status"] == 0
    sound &= (right > 0) & (right < len(runs))
    if not sound.any():
        return (
            first,
            "It is the first of the gallery, as no image is classified rightly at some of these "
            "settings and wrongly at others.",
        )
    image = int(np.argmin(np.where(sound, abs(2 * right - len(runs)), np.inf)))
    return image, (
        f"It was chosen because it is classified rightly at {right[image]} of these {len(runs)} "
        "settings and wrongly at the others, and no other image comes nearer to half and half."
    )


def is_number(value):
    try:
        return np.isfinite(float(value))
    except ValueError:
        return False


def purifying(result):
    """The swept parameters that the barycenters depend on."""
    return [name for name in result.swept if not name.startswith("baseline.")]


def changed_by(name):
    """The view that a parameter changes, which is the blur or the barycenter."""
    return "blurred" if name == BLUR else "barycenter"


def along(result, name):
    """{attack: (best, all)} in percent, along the values of a swept parameter.

    `best` is the best over the other parameters, `all` holds every run."""
    values, found, view = result.values(name), {}, changed_by(name)
    for attack in result.attacks:
        every = [
            [
                100 * result.accuracy(run, attack, view)
                for run in result.runs
                if result.setting(run, name) == value
            ]
            for value in values
        ]
        found[attack] = [max(some) for some in every], every
    return found


def heat_map(result, down, across):
    """(down, across, rows, columns, grid) of the mean accuracy over the attacks, in percent.

    Each field holds the best over the other parameters."""
    rows, columns = result.values(down), result.values(across)
    if len(rows) < len(columns):  # wide figures are small on a page
        down, across, rows, columns = across, down, columns, rows
    grid = np.full((len(rows), len(columns)), np.nan)
    for run in result.runs:
        row = rows.index(result.setting(run, down))
        place = row, columns.index(result.setting(run, across))
        grid[place] = np.nanmax([grid[place], 100 * result.robust_accuracy(run)])
    return down, across, rows, columns, grid


def front(result, blurs=None):
    """Clean against robust accuracy of every run and of the baselines, in percent.

    A run is beaten where another is at least as good in both and better in one. `blurs` is a
    result over baseline.blur_sigma, which gives [(sigma, point)]."""
    if CLEAN not in result.attacks or not result.robust:
        return None

    def point(of, run, view="barycenter"):
        return 100 * of.accuracy(run, CLEAN, view), 100 * of.robust_accuracy(run, view)

    points = np.array([point(result, run) for run in result.runs])
    beaten = np.array([np.any((points >= one).all(1) & (points > one).any(1)) for one in points])
    baselines = {}
    for view in dict.fromkeys([*result.views[:-1], *["blurred"] * bool(blurs)]):
        of = blurs if view == "blurred" and blurs else result
        found = np.round([point(of, run, view) for run in of.runs], 3)
        places = sorted({tuple(one) for one in found if not np.isnan(one).any()})
        if places:
            baselines[label_of(view)] = places
    sigmas = []
    if blurs:
        sigmas = [(blurs.setting(run, BLUR), point(blurs, run, "blurred")) for run in blurs.runs]
    return Front(points, beaten, baselines, sigmas)


def per_class(result, run, attacks):
    """(classes, {view: percent [class][attack]}) of the attacked images and their barycenters.

    Failed images count as wrong."""
    classes, grids = np.unique(result.labels), {}
    for view in "attack", "barycenter":
        right = [result.right(run, attack, view) for attack in attacks]
        grids[label_of(view)] = np.array(
            [[100 * np.mean(one[result.labels == number]) for one in right] for number in classes]
        )
    return classes, grids
