"""A result as a folder: report.html (opens from disk, needs no network), every figure as PNG and SVG, every table as CSV,
Markdown and LaTeX."""

import base64
import html
import pathlib
import re

import numpy as np

import figures
import tables
from result import BASELINES, CLEAN, SAME, Result, shortened, text

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
th, td { padding: .25rem .45rem; text-align: right; border-bottom: 1px solid #e5e5e5; white-space: nowrap; }
th { background: #f6f6f6; white-space: normal; } th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; } th:first-child { background: #f6f6f6; } .marked { font-weight: bold; }
figure { margin: 1rem 0; } .picture { overflow-x: auto; } img { max-width: 100%; min-width: min(56rem, var(--natural)); height: auto; } figcaption, .note { color: #555; font-size: .85rem; }
code { background: #f3f3f3; padding: 0 .2rem; } dt { font-weight: bold; } dd { margin: 0 0 .4rem 0; overflow-wrap: anywhere; }
"""

MAPS = 200  # images whose heat maps are compared
LONGEST = 30  # rows of a table on the page; the files have all


class Report:
    def __init__(self, result, folder):
        self.result, self.folder, self.parts = result, pathlib.Path(folder), []
        self.folder.mkdir(parents=True, exist_ok=True)

    def heading(self, title):
        self.parts.append(f"<h2>{html.escape(title)}</h2>")

    def note(self, words):
        self.parts.append(f"<p class=note>{words}</p>")

    def table(self, name, rows, marked=(), shown=None):
        """`shown`: what the page has of it, where that is not all."""
        tables.write(self.folder, name, rows)
        self.parts.append(tables.as_html(shown or rows, marked))
        self.note(" ".join(f"<a href='{name}.{kind}'>{kind}</a>" for kind in ("csv", "md", "tex")))

    def figure(self, name, figure, caption):
        if figure is None:
            return False
        for kind in "png", "svg":
            figure.savefig(self.folder / f"{name}.{kind}", dpi=110)
        figures.plt.close(figure)
        data = (self.folder / f"{name}.png").read_bytes()
        wide = int.from_bytes(data[16:20], "big")  # narrow windows scroll a picture sooner than shrink its words away
        self.parts.append(f"<figure><div class=picture tabindex=0><img src='data:image/png;base64,{base64.b64encode(data).decode()}' style='--natural: {wide}px' "
                          f"alt='{html.escape(caption, quote=True)}'></div><figcaption>{html.escape(caption)} "
                          f"(<a href='{name}.png'>png</a> <a href='{name}.svg'>svg</a>)</figcaption></figure>")
        return True

    def write(self, title):
        path = self.folder / "report.html"
        path.write_text(f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'><title>{html.escape(title)}</title>"
                        f"<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>{''.join(self.parts)}</body></html>\n")
        return path


def summary(report, best):
    """The run in one paragraph, and where something trivial does as well."""
    result = report.result
    if not result.has_victim or not result.robust:
        return
    means = ", ".join(f"{label} {100 * result.robust_accuracy(best, name):.1f}" for name, label in BASELINES)
    words = f"Mean accuracy over the attacks, % (run {best}): {means}."
    if CLEAN in result.attacks:
        words += f" On clean images: {100 * result.accuracy(best, CLEAN, 'attack'):.1f}, their barycenters {100 * result.accuracy(best, CLEAN):.1f}."
    for name, label in BASELINES[1:-1]:
        equal = [attack for attack in result.robust if result.accuracy(best, attack, name) >= result.accuracy(best, attack)]
        if equal:
            words += f" At least as good as the barycenter: {label}, on {', '.join(equal)}."
    report.note(html.escape(words))


def accuracy(report, best):
    result = report.result
    if not result.has_victim:
        return report.note("The job named no victim: there are no accuracies.")
    shown = result.runs if len(result.runs) <= 4 else [best]
    columns = [3 + [name for name, _ in BASELINES].index("barycenter")]
    for run in shown:
        label = result.label(run, short=True)
        report.heading(f"Accuracy of the victim, %: run {run}" + (f", {label}" if label else ""))
        if label != result.label(run):
            report.note(html.escape(result.label(run)))
        rows = tables.accuracies(result, run)
        report.table(f"accuracy-{run}", rows, columns)
        if run == shown[0]:
            report.note("8 bits: the attacked image rounded; blurred: with this sigma in pixels; 95 %: the interval (Wilson) of the barycenter; recovered, broken: images "
                        "the victim gets right only with the purifier, only without; failed images count as wrong.")
        if "paper: barycenter" in rows[0]:
            report.note("Columns marked \"paper\" are the paper's own figures, of its own victim and attacks; all others are measured here.")
    if len(result.runs) > 1:
        rows = tables.all_runs(result)
        order, part = range(len(result.runs)), len(result.runs) > LONGEST
        if part:
            order = sorted(order, key=lambda i: -result.robust_accuracy(result.runs[i]))[:LONGEST]
        report.heading(f"The {LONGEST} runs of the highest mean, of {len(result.runs)}: accuracy on barycenters, %" if part else "All runs: accuracy on barycenters, %")
        report.table("runs", rows, shown=[rows[0]] + [list(map(shortened, rows[1 + i])) for i in order])
        if len(result.runs) > 4:
            report.note(f"Run {best} is shown in detail: of the runs that cost at most two points of clean accuracy (of all, where none does) it has "
                        "the highest mean over the attacks. It was chosen on the images it is shown on.")


def sweeps(report):
    result = report.result
    if len(result.runs) < 2 or not result.has_victim:
        return
    report.heading("What the parameters do")
    for name in result.swept:
        report.figure("along-" + name.replace(".", "-"), figures.along(result, name),
                      f"Accuracy against {name}: lines are the best over the other parameters, dots every run")
    for i, down in enumerate(result.swept):
        for across in result.swept[i + 1:]:
            report.figure(f"map-{down}-{across}".replace(".", "-"), figures.heat_map(result, down, across),
                          f"Mean accuracy over the attacks, for {down} and {across}: the best over the other parameters")


def changes(report, best):
    label = report.result.label(best, short=True)
    report.heading(f"What changed: run {best}" + (f", {label}" if label else ""))
    report.table("changes", tables.changes(report.result, best))
    report.note("Means over the images that did not fail: distances of the barycenter from the attacked and the clean image (pixels in [0,1]); residual: how far the marginals' "
                "barycenters are apart (mass 1). Unstable: images for which tau is too long; wide range: images that left the range of float64.")


def pictures(report, best, count):
    result = report.result
    attacks = sorted(result.robust, key=lambda attack: -result.row(best, attack)["recovered"]) or result.attacks
    report.heading("Images")
    drawn = 0
    for attack in attacks[:3]:
        order = "first images that the purifier recovers, then some that it breaks, then others" if result.has_victim else "the first images"
        drawn += report.figure("gallery-" + re.sub(r"[^A-Za-z0-9._-]", "_", attack), figures.gallery(result, best, attack, count), f"{attack}, run {best}: {order}")
    if not drawn:
        report.note("No gallery: it needs the purified images (output.images = yes) and the input file (--input).")
    if len(result.runs) > 1 and result.images(best, attacks[0], [0]) is not None:
        report.figure("sensitivity", figures.sensitivity(result, attacks[0]), "One image over the swept parameters")
    return attacks


def grad_cam(report, best, attacks, victim, layer, count):
    result = report.result
    report.heading("Where the victim looks (Grad-CAM)")
    try:
        import gradcam
    except ImportError as problem:
        return report.note(f"Left out: {html.escape(str(problem))}.")
    try:
        looker = gradcam.Victim(victim, layer)
    except (gradcam.Unsuitable, RuntimeError, ValueError) as problem:
        return report.note(f"Left out: {html.escape(str(problem)[:300])}")
    def stacks(rows):
        found = (("clean", result.attacked(CLEAN, rows)), ("attacked", result.attacked(attacks[0], rows)), ("barycenter", result.images(best, attacks[0], rows)))
        return [(name, images) for name, images in found if images is not None]

    rows = figures.choose(result, best, attacks[0], MAPS)
    if not rows or len(stacks(rows[:1])) < 2:
        return report.note("Left out: it needs the input file (--input) and purified images.")
    maps = [(name, images, *looker.maps(images)) for name, images in stacks(rows[:count])]
    report.figure("grad-cam", figures.heat(maps, result.labels[rows[:count]]), f"What speaks for the class the victim sees: {attacks[0]}, run {best}; where a map is "
                  "empty, no part of the image does")
    by = {name: looker.maps(images)[0] for name, images in stacks(rows)}
    lines = [["heat maps of", "images", "cosine, mean", "median", "one or both empty"]]
    for a, b in ("clean", "attacked"), ("clean", "barycenter"), ("attacked", "barycenter"):
        if a in by and b in by:
            both = by[a].any((1, 2)) & by[b].any((1, 2))
            cosine = gradcam.similarity(by[a], by[b])[both] if both.any() else np.array([np.nan])
            lines.append([f"{a} and {b}", str(both.sum()), f"{cosine.mean():.3f}", f"{np.median(cosine):.3f}", str((~both).sum())])
    report.table("grad-cam-similarity", lines)
    report.note("1: the maps point at the same pixels. Images in the order of the galleries: recovered ones first.")


def provenance(report):
    attributes = report.result.file.attrs
    seconds, images = float(attributes["seconds"]), sum(int(row["images"]) for row in report.result.rows)
    report.heading("How it was made")
    report.note(f"{images} images (each run and attack counted) in {seconds:.1f} s on {attributes['ranks']} ranks (the last session): "
                f"{1e3 * seconds * attributes['ranks'] / max(images, 1):.2f} ms of a core for an image and run.")
    names = ["dataset", "input_file", "input_digest", "victim_library", "program_version", "git_revision", "started", "finished", "hosts", "command_line"]
    report.parts.append("<dl>" + "".join(f"<dt>{name}</dt><dd>{html.escape(text(attributes[name]))}</dd>" for name in names if name in attributes)
                        + f"</dl><details><summary>The job</summary><pre>{html.escape(text(attributes['job']))}</pre></details>")


def victim_of(result):
    """The victim's file as the job names it, beside the job or the result; or None."""
    stored = text(result.attribute(result.runs[0], "victim.file"))
    inputs = pathlib.Path(text(result.file.attrs["input_file"])).parent
    for path in [pathlib.Path(stored), pathlib.Path(result.path).parent / stored, inputs / pathlib.Path(stored).name, inputs / "victims" / pathlib.Path(stored).name]:
        if stored and path.exists():
            return str(path)
    return None


def make(path, folder=None, inputs=None, victim=None, layer=-1, count=8, blurs=None):
    """Write the report of a result; the path of its page."""
    result = Result(path, inputs)
    blurs = Result(blurs) if blurs else None
    if blurs and any(blurs.file.attrs[name] != result.file.attrs[name] for name in SAME):
        raise ValueError(f"{blurs.path}: of other images or another victim than {path}")
    report = Report(result, folder or str(pathlib.Path(path).with_suffix("")) + "-report")
    best = result.best()
    summary(report, best)
    accuracy(report, best)
    if result.has_victim:
        front = figures.front(result, blurs) if len(result.runs) > 1 else None
        if front is not None:
            report.heading("Clean against robust accuracy")
            report.figure("front", front, "Each run, and the baselines; no attack here knows of the purifier" + ("; at the blurs their sigma in pixels" if blurs else ""))
    sweeps(report)
    changes(report, best)
    attacks = pictures(report, best, count)
    if result.has_victim:
        report.heading(f"By class: run {best}")
        report.figure("per-class", figures.per_class(result, best), "Accuracy by class and attack")
        tables.write(report.folder, "per-class", tables.per_class(result, best))
        report.note("<a href='per-class.csv'>csv</a> <a href='per-class.md'>md</a> <a href='per-class.tex'>tex</a>")
    victim = victim or victim_of(result)
    if victim:
        grad_cam(report, best, attacks, victim, layer, count)
    provenance(report)
    return report.write(f"barydef: {result.dataset or 'a result'}, {len(result.labels)} images")
