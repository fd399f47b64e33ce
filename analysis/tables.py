"""Tables as lists of rows, and the forms they are written in."""

import csv
import html

import numpy as np

import paper
from result import BASELINES, CLEAN, plain


def percent(value):
    return "" if np.isnan(value) else f"{100 * value:.1f}"


def accuracies(result, run):
    """The form of the paper's Tables I to V: a row for each attack; the baselines beside the barycenter, and the paper's own
    figures where data set and attack match."""
    published = paper.figures(result.dataset)
    blurred = f"blurred {plain(result.attribute(run, 'baseline.blur_sigma'))}"  # pixels, the sigma
    header = ["attack", "norm", "epsilon"] + [blurred if name == "blurred" else name for _, name in BASELINES] + ["95 % low", "95 % high", "recovered", "broken", "failed"]
    if any(attack in published for attack in result.attacks):
        header += ["paper: attacked", "paper: barycenter"]
    rows = [header]
    for attack in result.attacks:
        row = result.row(run, attack)
        epsilon = "" if np.isnan(row["epsilon"]) or attack == CLEAN else f"{row['epsilon']:.4g}"
        cells = [attack, row["norm"].decode() if attack != CLEAN else "", epsilon]
        cells += [percent(row[f"{name}_accuracy"]) for name, _ in BASELINES]
        cells += [percent(row["barycenter_accuracy_low"]), percent(row["barycenter_accuracy_high"])]
        cells += [str(row["recovered"]), str(row["broken"]), str(row["failed"])]
        if len(header) > len(cells):
            cells += [str(number) for number in published[attack]] if attack in published else ["", ""]
        rows.append(cells)
    return rows


def changes(result, run):
    """What the purifier did to the images, victim or not: distances over all channels, the solver's own figures."""
    names = {"l2 to attacked": "l2_to_attacked_mean", "linf to attacked": "linf_to_attacked_mean", "l2 to clean": "l2_to_clean_mean",
             "linf to clean": "linf_to_clean_mean", "residual": "residual_mean", "mass defect, most": "mass_defect_max"}
    rows = [["attack", "images", "failed", *names, "unstable", "wide range"]]
    for attack in result.attacks:
        row = result.row(run, attack)
        numbers = ["" if np.isnan(row[field]) else f"{row[field]:.3g}" for field in names.values()]
        rows.append([attack, str(row["images"]), str(row["failed"]), *numbers, str(row["unstable"]), str(row["fallbacks"])])
    return rows


def all_runs(result):
    """A row for each run: what is swept, clean accuracy, the mean over the attacks, and each attack."""
    rows = [["run"] + [name.split(".")[1] for name in result.swept] + ["mean of attacks"] + result.attacks]
    for run in result.runs:
        rows.append([run] + [plain(result.attribute(run, name)) for name in result.swept] + [percent(result.robust_accuracy(run))]
                    + [percent(result.accuracy(run, attack)) for attack in result.attacks])
    return rows


def per_class(result, run, field="purified"):
    """Accuracy in percent [class][attack]; failed images count as wrong."""
    classes = np.unique(result.labels)
    rows = [["class", "images"] + result.attacks]
    columns = [result.per_image(run, attack) for attack in result.attacks]
    for number in classes:
        mine = result.labels == number
        right = [np.mean(records[f"predicted_{field}"][mine] == number) for records in columns]
        rows.append([str(number), str(mine.sum())] + [percent(value) for value in right])
    return rows


# ---- forms -----------------------------------------------------------------------------

def as_csv(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def as_markdown(rows):
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


LATEX = str.maketrans({"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
                       "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"})


def as_latex(rows):
    """A table for the package booktabs."""
    width = max(map(len, rows))
    lines = [" & ".join(cell.translate(LATEX) for cell in row) + r" \\" for row in rows]
    return "\n".join([r"% needs \usepackage{booktabs}", r"\begin{tabular}{l" + "r" * (width - 1) + "}", r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule",
                      r"\end{tabular}"]) + "\n"


def as_html(rows, marked=()):
    """`marked`: columns in bold."""
    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}{' class=marked' if i in marked else ''}>{html.escape(cell)}</{tag}>" for i, cell in enumerate(cells)) + "</tr>"
    return ("<div class=table><table><thead>" + line(rows[0], "th") + "</thead><tbody>" + "".join(line(row, "td") for row in rows[1:])
            + "</tbody></table></div>")


def write(folder, name, rows):
    """name.csv, name.md and name.tex."""
    as_csv(folder / f"{name}.csv", rows)
    (folder / f"{name}.md").write_text(as_markdown(rows))
    (folder / f"{name}.tex").write_text(as_latex(rows))
