"""Tables as lists of rows, and the forms they are written in, each with a caption."""

import csv
import html

import numpy as np

import drawn
import paper
from result import BASELINES, CLEAN, plain, short_name


def percent(value):
    return "" if np.isnan(value) else f"{100 * value:.1f}"


def caption(result, words, run=None):
    """What is in a table, of which images, and with which parameters: those of a run, or of all."""
    return f"{words}: {result.dataset or 'a set without a name'}, {len(result.labels)} images. {f'Run {run}' if run else 'All runs'}: {result.parameters(run)}."


def accuracies(result, run, attacks):
    """The form of the paper's Tables I to V: a row for each attack; the baselines beside the barycenter, and the paper's own
    figures where data set and attack match, and what bounds it."""
    published = paper.figures(result)
    blurred = f"blurred {plain(result.attribute(run, 'baseline.blur_sigma'))}"  # pixels, the sigma
    header = (
        ["attack", "norm", "epsilon"]
        + [blurred if name == "blurred" else name for _, name in BASELINES]
        + ["95 % low", "95 % high", "recovered", "broken", "failed"]
    )
    if any(attack in published for attack in attacks):
        header += paper.HEADS
    rows = [header]
    for attack in attacks:
        row = result.row(run, attack)
        epsilon = "" if np.isnan(row["epsilon"]) or attack == CLEAN else f"{row['epsilon']:.4g}"
        cells = [attack, plain(row["norm"]) if attack != CLEAN else "", epsilon]
        cells += [percent(row[f"{name}_accuracy"]) for name, _ in BASELINES]
        cells += [percent(row["barycenter_accuracy_low"]), percent(row["barycenter_accuracy_high"])]
        cells += [str(row["recovered"]), str(row["broken"]), str(row["failed"])]
        if len(header) > len(cells):
            cells += (
                [str(number) for number in published[attack]] if attack in published else ["", ""]
            )
        rows.append(cells)
    return rows


def narrowed(rows):
    """The same for a page: the interval in one column."""
    low = rows[0].index("95 % low")
    return [
        row[:low] + ["95 %" if row is rows[0] else "-".join(row[low : low + 2])] + row[low + 2 :]
        for row in rows
    ]


def changes(result, run, attacks):
    """What the purifier did to the images, victim or not: distances over all channels, the solver's own figures."""
    names = {
        "l2 to attacked": "l2_to_attacked_mean",
        "linf to attacked": "linf_to_attacked_mean",
        "l2 to clean": "l2_to_clean_mean",
        "linf to clean": "linf_to_clean_mean",
        "residual": "residual_mean",
        "mass defect, most": "mass_defect_max",
    }
    rows = [["attack", "images", "failed", *names, "unstable", "wide range"]]
    for attack in attacks:
        row = result.row(run, attack)
        numbers = ["" if np.isnan(row[field]) else f"{row[field]:.3g}" for field in names.values()]
        rows.append(
            [
                attack,
                str(row["images"]),
                str(row["failed"]),
                *numbers,
                str(row["unstable"]),
                str(row["fallbacks"]),
            ]
        )
    return rows


def all_runs(result, attacks):
    """(rows, how many stand before the runs): of each run what is swept, clean accuracy, the mean over all attacks, and each attack that is
    asked for; first what all are measured against: images that none has purified, and each baseline that is the same for all runs.  Of one
    that is not the mean over the attacks has a column."""
    clean, attacks = [CLEAN] * (CLEAN in attacks), [attack for attack in attacks if attack != CLEAN]

    def accuracies_of(run, name="barycenter"):
        return (
            [percent(result.accuracy(run, attack, name)) for attack in clean]
            + [percent(result.robust_accuracy(run, name))]
            + [percent(result.accuracy(run, attack, name)) for attack in attacks]
        )

    changing = [(name, label) for name, label in BASELINES[1:-1] if differs(result, name)]
    own = changing if result.robust else []
    rows = [
        ["run"]
        + [short_name(name) for name in result.swept]
        + clean
        + ["mean of attacks"]
        + attacks
        + [f"{label}, mean of attacks" for _, label in own]
    ]
    for name, label in BASELINES[:-1]:
        if (name, label) not in changing:
            rows.append(
                [label]
                + [""] * len(result.swept)
                + accuracies_of(result.runs[0], name)
                + [""] * len(own)
            )
    before = len(rows)
    for run in result.runs:
        rows.append(
            [run]
            + [plain(result.attribute(run, name)) for name in result.swept]
            + accuracies_of(run)
            + [percent(result.robust_accuracy(run, name)) for name, _ in own]
        )
    return rows, before


def differs(result, name):
    """Is a baseline another one from run to run?"""
    return (
        len(
            {
                tuple(result.accuracy(run, attack, name) for attack in result.attacks)
                for run in result.runs
            }
        )
        > 1
    )


def per_class(result, run, attacks):
    """Accuracy in percent on barycenters [class][attack]."""
    classes, grids = drawn.per_class(result, run, attacks)
    return [["class", "images"] + attacks] + [
        [str(number), str(np.sum(result.labels == number))]
        + [percent(value / 100) for value in line]
        for number, line in zip(classes, grids["barycenter"])
    ]


# ---- forms -----------------------------------------------------------------------------


def as_csv(path, rows):
    """Without the caption, for programs; runs.csv has the parameters of each run."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def as_markdown(rows, words=""):
    def line(cells):
        return (
            "| "
            + " | ".join(html.escape(cell, quote=False).replace("|", r"\|") for cell in cells)
            + " |"
        )

    return (
        "\n".join(
            [html.escape(words, quote=False) + "\n"] * bool(words)
            + [line(rows[0]), "|" + "---|" * len(rows[0]), *map(line, rows[1:])]
        )
        + "\n"
    )


LATEX = str.maketrans(
    {
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)


def as_latex(rows, words, label):
    """A table for the package booktabs."""
    width = max(map(len, rows))
    lines = [" & ".join(cell.translate(LATEX) for cell in row) + r" \\" for row in rows]
    return (
        "\n".join(
            [
                r"% needs \usepackage{booktabs}",
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{words.translate(LATEX)}}}",
                rf"\label{{tab:{label}}}",
                r"\begin{tabular}{l" + "r" * (width - 1) + "}",
                r"\toprule",
                lines[0],
                r"\midrule",
                *lines[1:],
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
            ]
        )
        + "\n"
    )


def as_html(rows, marked=(), bold=None):
    """`marked`: columns in bold; `bold`: the row that is, by its first cell."""

    def line(cells, tag):
        return (
            ("<tr class=marked>" if tag == "td" and cells[0] == bold else "<tr>")
            + "".join(
                f"<{tag}{' class=marked' if i in marked else ''}>{html.escape(cell)}</{tag}>"
                for i, cell in enumerate(cells)
            )
            + "</tr>"
        )

    return (
        "<div class=table tabindex=0><table><thead>"
        + line(rows[0], "th")
        + "</thead><tbody>"
        + "".join(line(row, "td") for row in rows[1:])
        + "</tbody></table></div>"
    )


def write(folder, name, rows, words):
    """name.csv, name.md and name.tex."""
    words = " ".join(words.split())  # one line, whatever a data set is called
    as_csv(folder / f"{name}.csv", rows)
    (folder / f"{name}.md").write_text(as_markdown(rows, words))
    (folder / f"{name}.tex").write_text(as_latex(rows, words, name))
