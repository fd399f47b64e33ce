"""The sentences of a report."""

import numpy as np

from ..formats import CLEAN
from ..selection import best_run, both_said, candidates_of, elsewhere
from ..text import plain, short_name, text
from ..views import label_of, view_of


def best_run_of(result):
    """The run to show, by the rule of selection.py, and sentences that say why."""
    if not result.has_victim:
        (_, run), *_ = candidates_of([result], "barycenter")
        which = "the first" if run == result.runs[0] else "the first that iterates"
        return (
            run,
            f"Run {run}, {which}, is shown in detail, since without accuracies none is the best.",
        )
    if len(result.runs) == 1:
        return result.runs[0], ""
    choice = best_run([result], half=0)
    words = both_said(
        choice,
        "On the half of the images on which it was chosen",
        "On all images, shown here",
        elsewhere(choice),
    )
    return (
        choice.run,
        f"Run {choice.run} is shown in detail. It is the best by the rule of barydef.best_run. "
        f"{words} For the other half, run python3 -m barydef.best_run.",
    )


def summary(result, run):
    """A run in one paragraph, and where something trivial does as well."""
    means = {view: result.robust_accuracy(run, view) for view in result.views}
    means = {view: f"{100 * mean:.1f} %" for view, mean in means.items() if not np.isnan(mean)}
    others = [f"{label_of(view)} {means[view]}" for view in result.baselines if view in means]
    words = (
        f"Run {run}: the victim classifies {means['attack']} of the attacked images rightly, "
        f"and {means['barycenter']} of their barycenters (means over the attacks). "
    )
    if others:
        words += f"The baselines give: {', '.join(others)}. "
    if CLEAN in result.attacks:
        before, after = (
            f"{100 * result.accuracy(run, CLEAN, view):.1f} %" for view in ("attack", "barycenter")
        )
        words += (
            f"It classifies {before} of the clean images rightly, and {after} of their barycenters."
        )
    else:
        words += "The job had no clean images."
    equal = {
        label_of(view): [
            attack
            for attack in result.robust
            if result.accuracy(run, attack, view) >= result.accuracy(run, attack)
        ]
        for view in result.baselines
    }
    as_good = "; ".join(f"{label} on {', '.join(some)}" for label, some in equal.items() if some)
    return f"{words} At least as good as the barycenter: {as_good or 'no baseline on any attack'}."


def size_of(result, attack):
    """An attack and what its perturbations are bounded by."""
    norm, epsilon = result.bound(attack)
    return f"{attack} ({norm}" + ("" if np.isnan(epsilon) else f" {epsilon:.4g}") + ")"


def origin(result, attack):
    """Where an attack comes from, in the words of the author of the set."""
    through, gradient = result.knowledge[attack]
    words = f", through {through}" * (through not in ("", "victim"))
    words += f", gradient {gradient}" * bool(words and gradient)
    source = result.source(attack) or "its set does not say how"
    return f"{size_of(result, attack)}{words}: {source}"


def who_knows(result):
    """Which attacks know of the purifier, as a clause."""
    adaptive = result.adaptive()
    if not adaptive:
        return "no attack here knows of the purifier"
    return f"{', '.join(adaptive)} know{'s' * (len(adaptive) == 1)} of the purifier"


def of_the_attacks(report):
    result = report.result
    words = "None."
    if result.robust:
        words = (
            f"{', '.join(size_of(result, attack) for attack in result.robust)}. "
            "Each holds the same images, changed so that the victim may err. "
            "The norm and the bound of the change stand in brackets."
        )
    if result.is_known:
        words += (
            " Through says what the attacker knew: the victim alone, or the victim behind the view "
            f"of this name; {who_knows(result)}. Gradient is the one taken of it."
        )
    if CLEAN in result.attacks:
        words += " The clean images are purified too, which tells what purifying costs."
    if report.attacks != result.attacks:
        shown = ", ".join(report.attacks)
        words += f" Tables and images here are of {shown}; means are over all attacks."
    return words


def where_to_look(report):
    if not report.result.has_victim:
        return "Look at the images, and at what changed in the table above them."
    words = (
        "Look at the first table, row by row: "
        "is the barycenter above attacked, and above every baseline?"
    )
    if CLEAN in report.attacks:
        words += " Then look at the row clean: what is lost where nobody attacked?"
    if len(report.result.runs) > 1:
        words += (
            " Then look at the table of all runs, and at the figures after it: "
            "how much depends on the parameters?"
        )
    return words


def of_the_victim(report):
    """Terms that only a result with a victim needs."""
    result = report.result
    terms = [
        (
            "Victim",
            f"The attacked classifier: {text(result.attribute(report.run, 'victim.file'))}. "
            "Its accuracy is the share of images that it classifies as the labels say, in percent.",
        ),
        (
            "Columns",
            "attacked: accuracy before purifying. barycenter: accuracy after it. "
            "95 %: the interval (Wilson) of the latter. "
            "recovered: images that are right only after purifying. "
            "broken: right only before it. failed: not purified; they count as wrong.",
        ),
    ]
    if result.baselines:
        meanings = (f"{label_of(view)}: {view_of(view).meaning}" for view in result.baselines)
        words = "A barycenter must be better than these to be worth its cost."
        terms.append(("Baselines", f"{words} {' '.join(meanings)}"))
    return terms


def introduction(report, why, victim):
    """[(term, explanation)] of what the page shows, for a reader who opens nothing else."""
    result, count = report.result, len(report.result.runs)
    swept = ", ".join(short_name(name) for name in result.swept)
    dataset = result.dataset or "without a name"
    terms = [
        ("Data set", f"{dataset}: {len(result.labels)} images, with labels."),
        ("Attacks", of_the_attacks(report)),
        (
            "Runs",
            f"{count}. A run purifies all images with one setting."
            + f" The settings differ in {swept}." * bool(swept),
        ),
    ]
    if result.has_victim:
        terms += of_the_victim(report)
    else:
        words = "The job named none, so there are no accuracies."
        if victim:
            words += f" {victim} is that of the heat maps (Grad-CAM) alone."
        terms.append(("Victim", words))
    if why:
        terms.append((f"Run {report.run}", why))
    return [*terms, ("Where to look first", where_to_look(report))]


def cost(result):
    """What an image cost.

    A result knows the time of the session that finished it, and how many images that session
    computed."""
    attributes, images = result.file.attrs, sum(int(row["images"]) for row in result.rows)
    words, seconds, ranks, computed = (
        f"{images} images (each run and attack counted)",
        attributes["seconds"],
        int(attributes["ranks"]),
        int(attributes.get("computed", 0)),
    )
    if computed == 0:
        return (
            f"{words}. The cost of one is not known, "
            "since the result does not hold the time of a session that computed some."
        )
    if computed != images:
        words += (
            f", {computed} of which were computed by the session (or in the part) "
            "whose time is known:"
        )
    each = 1e3 * seconds * ranks / computed
    return (
        f"{words} in {seconds:.1f} s on {ranks} rank{'s' * (ranks > 1)}: "
        f"{each:.2f} ms of a core for an image and run."
    )


def made_with(result):
    """[(name, text)] of the attributes that say how a result was made."""
    attributes = result.file.attrs

    def known(*names):
        return [(name, text(attributes[name])) for name in names if name in attributes]

    return (
        known("dataset", "input_file", "input_digest")
        + [("attack", origin(result, attack)) for attack in result.robust]
        + known("victim_library", "program_version", "git_revision", "started", "finished")
        + known("hosts", "command_line")
    )


def lack_of(victim, reason):
    return plain(f"Grad-CAM of {victim} left out: {reason[:400]}")
