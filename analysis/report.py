"""A result as a folder: report.html (opens from disk, needs no network), every figure as PNG and SVG, every table as CSV,
Markdown and LaTeX."""

import base64
import html
import pathlib
import re
import sys
import tempfile

import numpy as np

import best
import drawn
import figures
import paper
import tables
from files import Failed, Unsuitable, digest, line_of, reading
from result import BASELINES, CLEAN, SAME, Result, plain, short_name, shortened, text

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 75rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
p, pre, figcaption { max-width: 60rem; } h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
/* A table scrolls in its own box; a shadow says that it goes on. */
.table { overflow-x: auto; background: linear-gradient(to left, #fff 1.5rem, #fff0 3rem) right / 100% 100% no-repeat local, linear-gradient(to left, #0003, #0000 1rem) right / 100% 100% no-repeat scroll; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; font-size: .85rem; line-height: 1.25rem; overflow-wrap: normal; }
th, td { padding: .25rem .22rem; text-align: right; border-bottom: 1px solid #e5e5e5; white-space: nowrap; } th { white-space: normal; font-size: .75rem; border-bottom: 2px solid #bbb; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; } .marked { font-weight: bold; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; display: block; } figcaption, .note { color: #555; font-size: .85rem; }
code { background: #f3f3f3; padding: 0 .2rem; } dt { font-weight: bold; } dd { margin: 0 0 .4rem 0; } pre { white-space: pre-wrap; }
@media (min-width: 40rem) { dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; max-width: 60rem; } }
@media (max-width: 40rem) { body { padding: .6rem; } table { font-size: .8rem; } th { font-size: .7rem; } }
"""

# What reports are made of.
NAMES = re.compile(
    r"((accuracy-\d+|runs|changes|per-class|grad-cam-similarity)\.(csv|md|tex)"
    r"|(front|sensitivity|per-class|grad-cam|(along|map|gallery)-[A-Za-z0-9._-]+)\.(png|svg))"
)
MAPS = 200  # images whose heat maps are compared
LONGEST = 30  # rows of a table on the page; the files have all
CLASSES = 40  # of a figure by class; the table has all
DPI = 144  # of pictures; the page shows them at 96


class Report:
    """`run` is shown in detail, of `attacks`; `named` says that these were asked for."""

    def __init__(self, result, folder, run, attacks, named):
        self.result, self.folder, self.parts, self.made = result, pathlib.Path(folder), [], set()
        self.run, self.attacks, self.named, self.lack = run, attacks, named, ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(
                dir=self.folder
            ).close()  # a folder that is there may take no files
        except (FileExistsError, NotADirectoryError):
            raise Unsuitable(
                f"{folder}: a report is a folder, but there is a file of this name or in its path"
            ) from None
        except OSError as problem:
            raise Failed(f"{folder}: cannot be written into ({line_of(problem)})") from None

    def heading(self, title):
        self.parts.append(f"<h2>{html.escape(title)}</h2>")

    def note(self, words):
        self.parts.append(f"<p class=note>{html.escape(words)}</p>")

    def terms(self, pairs):
        self.parts.append(
            "<dl>"
            + "".join(
                f"<dt>{html.escape(term)}</dt><dd>{html.escape(words)}</dd>"
                for term, words in pairs
            )
            + "</dl>"
        )

    def files(self, name, kinds):
        self.made |= {f"{name}.{kind}" for kind in kinds}
        return " ".join(
            f"<a href='{html.escape(name, quote=True)}.{kind}'>{kind}</a>" for kind in kinds
        )

    def table(self, name, rows, words, run=None, marked=(), shown=None, more="", bold=None):
        """`shown`: what the page has of it, where that is not all; `more` ends the caption; `bold` is a row by its first cell."""
        words = f"{tables.caption(self.result, words, run)} {more}".strip()
        tables.write(self.folder, name, rows, words)
        self.parts.append(
            f"<figure><figcaption>{html.escape(words)} ({self.files(name, ('csv', 'md', 'tex'))})</figcaption>"
            f"{tables.as_html(shown or rows, marked, bold)}</figure>"
        )

    def figure(self, name, figure, caption):
        for kind in "png", "svg":
            figure.savefig(self.folder / f"{name}.{kind}", dpi=DPI)
        figures.plt.close(figure)
        data = (self.folder / f"{name}.png").read_bytes()
        wide, high = (int.from_bytes(data[at : at + 4], "big") * 96 // DPI for at in (16, 20))
        self.parts.append(
            f"<figure><a href='{html.escape(name, quote=True)}.png'><img src='data:image/png;base64,{base64.b64encode(data).decode()}' width={wide} height={high} "
            f"alt='{html.escape(caption, quote=True)}'></a><figcaption>{html.escape(caption)} ({self.files(name, ('png', 'svg'))})</figcaption></figure>"
        )

    def clear(self, page):
        """Remove what an earlier report's page names and this one has not: it would be taken for this result's."""
        text = page.read_text(errors="replace") if page.is_file() else ""
        if "<title>barydef: " in text:
            for name in set(re.findall("<a href='([^']+)'>", text)) - self.made:
                if NAMES.fullmatch(name):
                    (self.folder / name).unlink(missing_ok=True)

    def write(self, title):
        path = self.folder / "report.html"
        self.clear(path)
        path.write_text(
            f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'><title>{html.escape(title)}</title>"
            f"<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>{''.join(self.parts)}</body></html>\n"
        )
        return path


def best_run_of(result):
    """The run to show, by the rule of best.py, and a sentence that says why."""
    if not result.has_victim:
        (_, run), *_ = best.candidates_of([result], "purified")
        which = "the first" if run == result.runs[0] else "the first that iterates"
        return run, f"Run {run}, {which}, is shown in detail: without accuracies none is the best."
    if len(result.runs) == 1:
        return result.runs[0], ""
    choice = best.best_run(result, half=0)
    words = best.both_said(
        choice,
        "On every second image of each class, where it was chosen",
        "On all images, as shown here",
        best.elsewhere(choice),
    )
    return (
        choice.run,
        f"Run {choice.run} is shown in detail: the best by the rule of analysis/best.py. {words} (analysis/best.py reports on the others alone.)",
    )


def summary_words(result, run):
    """A run in one paragraph, and where something trivial does as well."""
    means = {label: f"{100 * result.robust_accuracy(run, name):.1f} %" for name, label in BASELINES}
    words = (
        f"Run {run}: the victim classifies {means.pop('attacked')} of the attacked images rightly, and {means.pop('barycenter')} of their barycenters (means over the attacks). "
        f"The baselines: {', '.join(f'{label} {mean}' for label, mean in means.items())}. "
    )
    words += (
        f"Of the clean images {100 * result.accuracy(run, CLEAN, 'attack'):.1f} %, of their barycenters {100 * result.accuracy(run, CLEAN):.1f} % are right."
        if CLEAN in result.attacks
        else "The job had no clean images."
    )
    equal = {
        label: [
            attack
            for attack in result.robust
            if result.accuracy(run, attack, name) >= result.accuracy(run, attack)
        ]
        for name, label in BASELINES[1:-1]
    }
    as_good = "; ".join(
        f"{label} on {', '.join(attacks)}" for label, attacks in equal.items() if attacks
    )
    return f"{words} At least as good as the barycenter: {as_good or 'no baseline on any attack'}."


def size_of(result, attack):
    """An attack and what its perturbations are bounded by."""
    norm, epsilon = result.bound(attack)
    return f"{attack} ({norm}" + ("" if np.isnan(epsilon) else f" {epsilon:.4g}") + ")"


def introduction(report, why, victim):
    """What the page is of and what its words mean: for who opens nothing else."""
    result, count = report.result, len(report.result.runs)
    attacks = (
        f"{', '.join(size_of(result, attack) for attack in result.robust)}. Each is the same images, changed so that the victim may err; in brackets the norm and the bound of the change."
        if result.robust
        else "None."
    )
    if CLEAN in result.attacks:
        attacks += " The clean images are purified, too: that tells what purifying costs."
    if report.attacks != result.attacks:
        attacks += f" Tables and images here are of {', '.join(report.attacks)}; means are over all attacks."
    swept = ", ".join(short_name(name) for name in result.swept)
    terms = [
        (
            "Data set",
            f"{result.dataset or 'without a name'}: {len(result.labels)} images, with labels.",
        ),
        ("Attacks", attacks),
        (
            "Runs",
            f"{count}. A run purifies all images with one setting."
            + f" The settings differ in {swept}." * bool(swept),
        ),
    ]
    shown = [(f"Run {report.run}", why)] * bool(why)
    if not result.has_victim:
        return terms + [
            (
                "Victim",
                "The job named none, so there are no accuracies."
                + f" {victim} is that of the heat maps (Grad-CAM) alone." * bool(victim),
            ),
            *shown,
            ("Where to look first", "At the images, and at the table above them: what changed."),
        ]
    terms += [
        (
            "Victim",
            f"The attacked classifier: {text(result.attribute(report.run, 'victim.file'))}. Its accuracy is the share of images that it classifies as the labels say, in percent.",
        ),
        (
            "Columns",
            "attacked: accuracy before purifying. barycenter: accuracy after it. 95 %: the interval (Wilson) of the latter. recovered: images that are right only after purifying. "
            "broken: right only before it. failed: not purified; they count as wrong.",
        ),
        (
            "Baselines",
            "What a barycenter must be better than to be worth its while. 8 bits: the attacked image rounded. blurred: it blurred, with a sigma of so many pixels. mean of marginals: "
            "the plain mean of the moved copies that the barycenter is made of.",
        ),
    ]
    return (
        terms
        + shown
        + [
            (
                "Where to look first",
                "At the first table, row by row: is the barycenter above attacked, and above every baseline?"
                + " Then at the row clean: what is lost where nobody attacked?"
                * (CLEAN in report.attacks)
                + " Then at the table of all runs, and the figures after it: how much depends on the parameters?"
                * (count > 1),
            )
        ]
    )


def accuracy(report):
    result, run, attacks = report.result, report.run, report.attacks
    if not result.has_victim:
        return
    shown = [run] if report.named or len(result.runs) > 4 else result.runs
    columns = [3 + [name for name, _ in BASELINES].index("barycenter")]
    for one in shown:
        label = result.label(one, short=True)
        report.heading(f"Accuracy of the victim, %: run {one}" + (f", {label}" if label else ""))
        rows = tables.accuracies(result, one, attacks)
        published = paper.HEADS[0] in rows[0]
        report.table(
            f"accuracy-{one}",
            rows,
            "Accuracy of the victim in percent",
            one,
            columns,
            tables.narrowed(rows),
            paper.note(result) if published else "",
        )
    if len(result.runs) > 1:
        rows, before = tables.all_runs(result, attacks)
        order, part = range(len(result.runs)), len(result.runs) > LONGEST
        if part:
            order = sorted(order, key=lambda i: -result.robust_accuracy(result.runs[i]))[:LONGEST]
            order += [
                i for i in [result.runs.index(run)] if i not in order
            ]  # what is shown in detail is never left out
        report.heading(
            f"The {LONGEST} runs of the highest mean, of {len(result.runs)}: accuracy on barycenters, %"
            if part
            else "All runs: accuracy on barycenters, %"
        )
        report.table(
            "runs",
            rows,
            "Accuracy on barycenters in percent",
            shown=rows[:before] + [list(map(shortened, rows[before + i])) for i in order],
            more="Above the runs: accuracy on the attacked images, and on baselines that are the same for all of them"
            + (
                "; of others the mean is at the right."
                if rows[0][-1].endswith(", mean of attacks")
                else "."
            ),
            bold=run,
        )
        report.note(
            f"In bold: run {run}, which is shown in detail{', at the end, as it is not one of these' * (len(order) > LONGEST and part)}."
        )


def front(report, blurs):
    result, run = report.result, report.run
    data = drawn.front(result, blurs) if result.has_victim and len(result.runs) > 1 else None
    if data is None:
        return
    report.heading("Clean against robust accuracy")
    report.figure(
        "front",
        figures.front(data, result.runs.index(run), f"run {run}: {result.label(run, short=True)}"),
        "Each run, and the baselines; no attack here knows of the purifier"
        + ("; at the blurs their sigma in pixels" if blurs else ""),
    )


def sweeps(report):
    result = report.result
    if len(result.runs) < 2 or not result.has_victim:
        return
    report.heading("What the parameters do")
    report.note(
        (
            "Each point of a line is the highest accuracy on one attack of all runs that have this value, whatever their other parameters: the best for each attack by itself. So points "
            "above one another may be of different runs. "
        )
        * (len(result.swept) > 1)
        + "Where lines coincide their marks lie in one another, the first of the legend outermost."
    )
    for name in result.swept:
        images = "blurred images" if name == drawn.BLUR else "barycenters"
        report.figure(
            "along-" + name.replace(".", "-"),
            figures.along(name, result.values(name), drawn.along(result, name), images),
            f"Accuracy on {images} against {name}: "
            + (
                "lines are the best over the other parameters for each attack by itself, dots every run"
                if len(result.swept) > 1
                else "every run"
            ),
        )
    swept = drawn.purifying(result) if result.robust else []
    for i, down in enumerate(swept):
        for across in swept[i + 1 :]:
            report.figure(
                f"map-{down}-{across}".replace(".", "-"),
                figures.heat_map(*drawn.heat_map(result, down, across)),
                f"Mean accuracy over the attacks, for {down} and {across}"
                + ": the best over the other parameters" * (len(swept) > 2),
            )


def changes(report):
    label = report.result.label(report.run, short=True)
    report.heading(f"What changed: run {report.run}" + (f", {label}" if label else ""))
    report.table(
        "changes",
        tables.changes(report.result, report.run, report.attacks),
        "What the purifier did to the images",
        report.run,
    )
    report.note(
        "Means over the images that did not fail: distances of the barycenter from the attacked and the clean image (pixels in [0,1]); residual: how far the marginals' "
        "barycenters are apart (mass 1). Unstable: images for which tau is too long; wide range: images that left the range of float64."
    )


def pictures(report, attacks, count):
    result, run, drew = report.result, report.run, 0
    report.heading(f"Images: run {run}")
    for attack in attacks:
        shown = drawn.gallery(result, run, attack, count)
        if shown:
            order = (
                "first images that the purifier recovers, then some that it breaks, then others"
                if result.has_victim
                else "the first images"
            )
            report.figure(
                "gallery-" + re.sub(r"[^A-Za-z0-9._-]", "_", attack),
                figures.gallery(shown[1], result.labels[shown[0]]),
                f"{attack}, run {run}: {order}",
            )
            drew += 1
    if not drew:
        report.note(
            "No gallery: it needs the purified images (output.images = yes) and the input file (--input)."
        )
    grid = drawn.sensitivity(result, run, attacks[0]) if len(result.runs) > 1 else None
    if grid:
        fixed = "".join(f"; {name} is {shortened(value)}" for name, value in grid.fixed.items())
        report.figure(
            "sensitivity",
            figures.sensitivity(result, attacks[0], grid),
            f"Image {grid.image} (class {result.labels[grid.image]}) of {attacks[0]} over the swept parameters{fixed}. {grid.why}",
        )


def by_class(report):
    result, run = report.result, report.run
    if not result.has_victim:
        return
    report.heading(f"By class: run {run}")
    attacks = sorted(
        report.attacks, key=lambda attack: attack != CLEAN
    )  # where a narrow window shows it, as in the table of all runs
    classes, grids = drawn.per_class(result, run, attacks)
    if len(classes) <= CLASSES:
        report.figure(
            "per-class",
            figures.per_class(attacks, classes, grids),
            f"Accuracy by class and attack, run {run}, of the attacked images and of their barycenters",
        )
    rows = tables.per_class(result, run, attacks)
    report.table(
        "per-class",
        rows,
        "Accuracy on barycenters by class, in percent",
        run,
        shown=rows[: 1 + LONGEST],
    )


def heat_maps(report, looker, attack):
    """[(name, heat, classes)] of clean, attacked and barycenter, in batches, and the images' numbers; None where there are no images."""
    import gradcam

    result, run, found = report.result, report.run, {}
    rows = drawn.choose(result, run, attack, MAPS)
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


def looker_of(result, victim, layer):
    """What Grad-CAM asks.  Heat maps of another victim than the tables' would be taken for its."""
    with reading(victim, "a TorchScript classifier"):
        stored, given = text(result.file.attrs["victim_digest"]), digest(victim)
        if result.has_victim and given != stored:
            raise Unsuitable(
                f"{victim} (XXH3-128 {given}) is not the victim of {result.path}, which was {text(result.attribute(result.runs[0], 'victim.file'))} ({stored})"
            )
    import gradcam

    with reading(victim, "a TorchScript classifier"):
        return gradcam.Victim(victim, layer)


def grad_cam(report, attack, looker, count):
    import gradcam

    result, run = report.result, report.run
    rows, found = heat_maps(report, looker, attack)
    if len(found) < 2:
        raise Failed("it needs the input file (--input) and purified images")
    records = result.per_image(run, attack)[rows]
    other = sum(
        np.sum(found[name][2] != records[f"predicted_{field}"])
        for name, field in (("attacked", "attacked"), ("barycenter", "purified"))
        if name in found
    )
    lines = [["heat maps of", "images", "cosine, mean", "median", "one or both empty"]]
    for a, b in ("clean", "attacked"), ("clean", "barycenter"), ("attacked", "barycenter"):
        if a in found and b in found:
            a_maps, b_maps = found[a][1], found[b][1]
            both = a_maps.any((1, 2)) & b_maps.any((1, 2))
            cosine = gradcam.similarity(a_maps, b_maps)[both] if both.any() else np.array([np.nan])
            lines.append(
                [
                    f"{a} and {b}",
                    str(both.sum()),
                    f"{cosine.mean():.3f}",
                    f"{np.median(cosine):.3f}",
                    str((~both).sum()),
                ]
            )
    picture = figures.heat(
        [(name, *(part[:count] for part in parts)) for name, parts in found.items()],
        result.labels[rows[:count]],
    )
    report.figure(
        "grad-cam",
        picture,
        f"What speaks for the class the victim sees: {attack}, run {run}; where a map is empty, no part of the image does",
    )
    report.table("grad-cam-similarity", lines, f"Likeness of heat maps (Grad-CAM), {attack}", run)
    report.note(
        "1: the maps point at the same pixels. Images in the order of the galleries: recovered ones first."
    )
    if result.has_victim and other:
        report.note(
            f"In {other} images the victim sees another class here than in the run: this PyTorch, or this processor, rounds otherwise."
        )


def where_it_looks(report, attack, victim, looker, layer, count):
    """Grad-CAM, of which no failure costs the report: a victim may be any program.  `looker`: looker_of the victim, where that was asked before."""
    report.heading("Where the victim looks (Grad-CAM)")
    if not victim:
        named = (
            f" ({text(report.result.attribute(report.run, 'victim.file'))})"
            if report.result.has_victim
            else ""
        )
        return report.note(
            "Not drawn, as no victim was named: it is a program, and would run with your rights. To have the heat maps, --victim FILE; or --use-victim-of-result, the file that "
            f"the job named{named}."
        )
    if not report.result.has_victim:
        report.note(
            f"The job named no victim: only the heat maps are of {victim}, and nothing else in this report is."
        )
    try:
        grad_cam(report, attack, looker or looker_of(report.result, victim, layer), count)
    except Exception as problem:  # noqa: BLE001
        report.lack = plain(f"Grad-CAM of {victim} left out: {line_of(problem)[:400]}")
        report.note(report.lack)


def cost_words(result):
    """What an image cost.  The result has the time of the session that finished it, and how many images it computed."""
    attributes, images = result.file.attrs, sum(int(row["images"]) for row in result.rows)
    words, seconds, ranks, computed = (
        f"{images} images (each run and attack counted)",
        attributes["seconds"],
        int(attributes["ranks"]),
        int(attributes.get("computed", 0)),
    )
    if computed == 0:
        return f"{words}. The cost of one is not known: the result does not hold the time of a session that computed some."
    words += (
        f" in {seconds:.1f} s"
        if computed == images
        else f", {computed} of which were computed by the session (or in the part) whose time is known: in {seconds:.1f} s"
    )
    return f"{words} on {ranks} rank{'s' * (ranks > 1)}: {1e3 * seconds * ranks / computed:.2f} ms of a core for an image and run."


def origin(result, attack):
    """Of an attack, as the author of the set tells it."""
    return f"{size_of(result, attack)}: {result.source(attack) or 'its set does not say how'}"


def provenance(report):
    result, attributes = report.result, report.result.file.attrs
    report.heading("How it was made")
    report.note(cost_words(result))

    def known(*names):
        return [(name, text(attributes[name])) for name in names if name in attributes]

    report.terms(
        known("dataset", "input_file", "input_digest")
        + [("attack", origin(result, attack)) for attack in result.robust]
        + known(
            "victim_library",
            "program_version",
            "git_revision",
            "started",
            "finished",
            "hosts",
            "command_line",
        )
    )
    report.parts.append(
        f"<details><summary>The job</summary><pre>{html.escape(text(attributes['job']))}</pre></details>"
    )


def victim_of(result):
    """The victim's file as the job names it, or None: relative to the job's folder, which the input tells, or else beside the result."""
    stored, given, inputs = (
        plain(value)
        for value in (
            *(result.attribute(result.runs[0], name) for name in ("victim.file", "input.file")),
            result.file.attrs["input_file"],
        )
    )
    paths = [
        pathlib.Path(folder, stored)
        for folder in ([inputs.removesuffix(given)] if inputs.endswith(given) else [])
        + [pathlib.Path(result.path).parent]
        if stored
    ]
    return str(next((path for path in paths if path.exists()), paths[0])) if paths else None


def chosen_attacks(result, named):
    """Those asked for, or all."""
    for attack in named or []:
        if attack not in result.attacks:
            raise ValueError(
                f"{result.path}: no attack {attack} in it; there are {', '.join(result.attacks)}"
            )
    return list(named or result.attacks)


def chosen_run(result, named):
    """(run, why)."""
    if named is None:
        return best_run_of(result)
    run = named.zfill(3)
    if run not in result.runs:
        raise ValueError(
            f"{result.path}: no run {named} in it; there are {result.runs[0]} to {result.runs[-1]}"
        )
    return run, f"Run {run} is shown in detail, as asked for."


def make(
    path,
    folder=None,
    inputs=None,
    victim=None,
    layer=-1,
    count=6,
    blurs=None,
    run=None,
    attacks=None,
    use_victim_of_result=False,
):
    """Write the report of a result; the path of its page.  What is named on the command line is judged before anything is written; a
    victim that only the job named costs no report, as that may be made by a batch job."""
    result = Result(path, inputs)
    blurs = Result(blurs) if blurs else None
    if blurs and any(blurs.file.attrs[name] != result.file.attrs[name] for name in SAME):
        raise ValueError(f"{blurs.path}: of other images or another victim than {path}")
    shown, why = chosen_run(result, run)
    chosen, named = chosen_attacks(result, attacks), victim
    victim = victim or (victim_of(result) if use_victim_of_result else None)
    looker = looker_of(result, victim, layer) if named or victim and layer != -1 else None
    report = Report(
        result,
        folder or str(pathlib.Path(path).with_suffix("")) + "-report",
        shown,
        chosen,
        run is not None,
    )
    if result.has_victim and result.robust:
        report.parts.append(
            f"<p>{html.escape(summary_words(result, shown)).replace(' %', '&nbsp;%')}</p>"
        )
    report.terms(introduction(report, why, victim))
    accuracy(report)
    front(report, blurs)
    sweeps(report)
    changes(report)
    galleries = (
        attacks
        or sorted(result.robust, key=lambda attack: -result.row(shown, attack)["recovered"])[:3]
        or result.attacks
    )
    pictures(report, galleries, count)
    by_class(report)
    where_it_looks(report, galleries[0], victim, looker, layer, count)
    provenance(report)
    page = report.write(f"barydef: {result.dataset or 'a result'}, {len(result.labels)} images")
    if report.lack and named:
        raise Failed(f"{page}: written, but {report.lack}")
    if report.lack:
        print(f"analysis: {page}: {report.lack}", file=sys.stderr)
    return page
