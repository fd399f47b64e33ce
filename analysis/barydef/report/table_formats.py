"""Tables, which are lists of rows of texts, in the forms they are written in."""

import csv
import html

import numpy as np


def percent(share):
    """A share as a cell; "" where it is not known."""
    return "" if np.isnan(share) else f"{100 * share:.1f}"


def as_csv(path, rows):
    """Write rows without the caption, for programs; runs.csv has the parameters of each run."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def as_markdown(rows, words=""):
    """A table, with words above it."""

    def line(cells):
        escaped = [html.escape(cell, quote=False).replace("|", r"\|") for cell in cells]
        return f"| {' | '.join(escaped)} |"

    head = [html.escape(words, quote=False) + "\n"] * bool(words)
    rule = "|" + "---|" * len(rows[0])
    return "\n".join([*head, line(rows[0]), rule, *map(line, rows[1:])]) + "\n"


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
    """A table for the page.

    `marked` are columns in bold, `bold` is a row in bold, by its first cell."""

    def line(cells, tag):
        row = "<tr class=marked>" if tag == "td" and cells[0] == bold else "<tr>"
        for i, cell in enumerate(cells):
            row += f"<{tag}{' class=marked' * (i in marked)}>{html.escape(cell)}</{tag}>"
        return row + "</tr>"

    head, body = line(rows[0], "th"), "".join(line(row, "td") for row in rows[1:])
    return (
        f"<div class=table tabindex=0><table><thead>{head}</thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def write(folder, name, rows, words):
    """Write name.csv, name.md and name.tex."""
    words = " ".join(words.split())  # in one line, whatever a data set is called
    as_csv(folder / f"{name}.csv", rows)
    (folder / f"{name}.md").write_text(as_markdown(rows, words))
    (folder / f"{name}.tex").write_text(as_latex(rows, words, name))
