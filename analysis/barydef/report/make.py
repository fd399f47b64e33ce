"""Makes a report: what it shows, and its sections in their order."""

import html
import pathlib

from ..errors import Failed
from ..result import SAME, Result
from ..text import plain
from . import sections, words
from .heat_maps import looker_of, where_it_looks
from .page import Report


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
    warn=lambda line: None,
):
    """Write the report of a result; the path of its page.

    What is named on the command line is judged before anything is written. A victim that only the
    job named costs no report, as a batch job may make it: `warn` is told what is missing."""
    result, blurs = opened(path, inputs, blurs)
    shown, why = chosen_run(result, run)
    chosen, named = chosen_attacks(result, attacks), victim
    victim = victim or (victim_of(result) if use_victim_of_result else None)
    looker = looker_of(result, victim, layer) if named or victim and layer != -1 else None
    folder = folder or str(pathlib.Path(path).with_suffix("")) + "-report"
    report = Report(result, folder, shown, chosen, run is not None)
    if result.has_victim and result.robust:
        summary = html.escape(words.summary(result, shown)).replace(" %", "&nbsp;%")
        report.parts.append(f"<p>{summary}</p>")
    report.terms(words.introduction(report, why, victim))
    sections.accuracy(report)
    sections.front(report, blurs)
    sections.sweeps(report)
    sections.changes(report)
    galleries = attacks_in_galleries(result, shown, attacks)
    sections.pictures(report, galleries, count)
    sections.by_class(report)
    where_it_looks(report, galleries[0], victim, looker, layer, count)
    sections.provenance(report)
    page = report.write(f"barydef: {result.dataset or 'a result'}, {len(result.labels)} images")
    if report.lack and named:
        raise Failed(f"{page}: written, but {report.lack}")
    if report.lack:
        warn(f"{page}: {report.lack}")
    return page
