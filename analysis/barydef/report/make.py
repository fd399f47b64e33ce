"""Makes a report: what it shows, and its sections in their order."""

import html
import pathlib
from dataclasses import dataclass

from ..errors import Failed
from ..result import SAME, Result
from ..text import plain
from . import sections, words
from .heat_maps import looker_of, where_it_looks
from .page import Report


@dataclass(frozen=True)
class Shown:
    """What of a result is shown.

    `run` is the number of the run in detail, None for the best. `attacks` are those in tables and
    galleries, None for all. `count` is the number of images of a gallery. `blurs` is the path of a
    result over baseline.blur_sigma, to stand beside the runs."""

    run: str = None
    attacks: list = None
    count: int = 6
    blurs: str = None


@dataclass(frozen=True)
class Look:
    """Whose heat maps (Grad-CAM) are drawn.

    `victim` is the path of a classifier; `layer` is the number or the name of its convolution.
    Without `victim`, `use_victim_of_result` takes the classifier that the job named."""

    victim: str = None
    layer: object = -1
    use_victim_of_result: bool = False


def victim_of(result):
    """The path of the victim that the job named, or None.

    It is relative to the job's folder, which the path of the input tells, or else is looked for
    beside the result."""
    stored, given = (result.setting(result.runs[0], name) for name in ("victim.file", "input.file"))
    inputs = plain(result.file.attrs["input_file"])
    folders = [inputs[: -len(given)]] if given and inputs.endswith(given) else []
    folders.append(pathlib.Path(result.path).parent)
    paths = [pathlib.Path(folder, stored) for folder in folders if stored]
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
        return words.best_run_of(result)
    run = named.zfill(3)
    if run not in result.runs:
        raise ValueError(
            f"{result.path}: no run {named} in it; there are {result.runs[0]} to {result.runs[-1]}"
        )
    return run, f"Run {run} is shown in detail, as asked for."


def opened(path, inputs, blurs):
    """The result, and that of --blurs, which must be of the same images and victim."""
    result, blurs = Result(path, inputs), Result(blurs) if blurs else None
    if blurs and any(blurs.file.attrs[name] != result.file.attrs[name] for name in SAME):
        raise ValueError(f"{blurs.path}: of other images or another victim than {path}")
    return result, blurs


def attacks_in_galleries(result, run, named):
    """Those asked for, else the three of which the purifier recovers most, else the clean ones."""
    most = sorted(result.robust, key=lambda attack: -result.row(run, attack)["recovered"])
    return named or most[:3] or result.attacks


def make(path, folder=None, inputs=None, shown=Shown(), look=Look(), warn=lambda line: None):
    """Write the report of a result. Returns the path of its page.

    `inputs` is the file of attacked images, where it is not where the result says. What is named on
    the command line is judged before anything is written. A victim that only the job named costs no
    report, since a batch job may make it: `warn` is told what is missing."""
    result, blurs = opened(path, inputs, shown.blurs)
    try:
        return page_of(result, blurs, folder, shown, look, warn)
    finally:
        for one in filter(None, (result, blurs)):
            one.close()


def page_of(result, blurs, folder, shown, look, warn):
    """Write the report of open results, as make() says."""
    run, why = chosen_run(result, shown.run)
    chosen = chosen_attacks(result, shown.attacks)
    victim = look.victim or (victim_of(result) if look.use_victim_of_result else None)
    is_judged = look.victim or victim and look.layer != -1
    looker = looker_of(result, victim, look.layer) if is_judged else None
    folder = folder or str(pathlib.Path(result.path).with_suffix("")) + "-report"
    report = Report(result, folder, run, chosen, shown.run is not None)
    if result.has_victim and result.robust:
        summary = html.escape(words.summary(result, run)).replace(" %", "&nbsp;%")
        report.parts.append(f"<p>{summary}</p>")
    report.terms(words.introduction(report, why, victim))
    sections.accuracy(report)
    sections.front(report, blurs)
    sections.sweeps(report)
    sections.changes(report)
    galleries = attacks_in_galleries(result, run, shown.attacks)
    sections.pictures(report, galleries, shown.count)
    sections.by_class(report)
    where_it_looks(report, galleries[0], victim, looker, look.layer, shown.count)
    sections.provenance(report)
    page = report.write(f"barydef: {result.dataset or 'a result'}, {len(result.labels)} images")
    if report.lack and look.victim:
        raise Failed(f"{page}: written, but {report.lack}")
    if report.lack:
        warn(f"{page}: {report.lack}")
    return page
