"""The tables of docs/formats.md and docs/using.md say what the rows of include/barydef/*.def and of
include/barydef/tables.h say.

Compares the tables between the marks.  With --write it writes them."""

import ast
import os
import re
import sys

from members import SOURCE, preprocessed, words

TYPES = {"int8_t": "int8", "int32_t": "int32", "int64_t": "int64", "double": "float64"}

# When a column is there, by the view whose row makes it; other views are asked for.
WHERE = {"": "", "MADE": " (where attacks are made)"}

PER_IMAGE = """
#define BD_FIELD(type, name, pending, from, summary, meaning) (#name, #type, meaning, ""),
#define BD_FIELD_LAST(...)
#define BD_FIELD_ADDED(...)
#include <barydef/fields.def>
#define BD_FIELD_LAST(type, name, pending, from, summary, meaning) (#name, #type, meaning, ""),
#define BD_FIELD_ADDED(...)
#include <barydef/fields.def>
#define BD_FIELD_LAST(...)
#define BD_FIELD_ADDED(VIEW, type, name, pending, from, summary, meaning) \\
  (#name, #type, meaning, #VIEW),
#include <barydef/fields.def>
"""

STATISTICS = """
#define BD_COLUMN(type, name, meaning) (#name, #type, meaning, ""),
#define BD_COLUMN_TEXT(name, size, meaning) (#name, #size, meaning, ""),
#define BD_COLUMN_TEXT_MADE(name, size, meaning) \\
  (#name, #size, meaning, "MADE"),
#define BD_COLUMN_MADE(type, name, meaning) (#name, #type, meaning, "MADE"),
#define BD_COUNT_MADE(name, when, meaning) (#name, "int64_t", meaning, "MADE"),
#define BD_COUNT(name, when, meaning) (#name, "int64_t", meaning, ""),
#define BD_ACCURACY(VIEW, name, meaning) (#name, "double", "accuracy on " meaning, ""),
#define BD_ACCURACY_ADDED(VIEW, name, meaning) \\
  (#name, "double", "accuracy on " meaning, #VIEW),
#define BD_SPREAD(name) (#name "_mean, " #name "_max", "double", "mean and maximum of " #name, ""),
#include <barydef/statistics.def>
"""

STATUSES = """
#define ROW(NAME, number, meaning) (number, meaning),
BD_STATUS_TABLE(ROW)
"""

NAMES = """
#define ROW(NAME, name, meaning) (name, meaning),
%s(ROW)
"""


def rows(text):
    """The rows that the preprocessor makes of the tables, as Python reads them."""
    return ast.literal_eval("[" + " ".join(preprocessed(text).split("\n")) + "]")


def sizes():
    """The names of sizes in include/barydef/limits.h."""
    with open(os.path.join(SOURCE, "include", "barydef", "limits.h")) as file:
        return dict(re.findall(r"(BD_[A-Z_]+) = (\d+)", file.read()))


def table(text):
    lines = ["| field | type | meaning |", "|---|---|---|"]
    for name, kind, meaning, view in rows(text):
        where = WHERE.get(view, " (where asked for)")
        kind = TYPES.get(kind) or f"string {sizes()[kind]}"
        lines.append(f"| {name} | {kind} | {words(meaning)}{where} |")
    return "\n".join(lines)


def names(text):
    """A table of names, with the numbers that files store."""
    lines = ["| number | name | meaning |", "|---|---|---|"]
    for number, (name, meaning) in enumerate(rows(text)):
        lines.append(f"| {number} | `{name}` | {meaning} |")
    return "\n".join(lines)


def statuses(text):
    """A table of exit statuses."""
    lines = ["| status | meaning |", "|---|---|"]
    for number, meaning in rows(text):
        meaning = re.sub(r"(--[a-z]+)", r"`\1`", meaning)
        lines.append(f"| {number} | {meaning} |")
    return "\n".join(lines)


def between(page, name, text, where):
    """A page with this table between its marks."""
    begin, end = f"<!-- table: {name} -->\n", f"\n<!-- /table: {name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        sys.exit(f"{where}: no table {name} between its marks")
    before, rest = page.split(begin)
    return before + begin + text + end + rest.split(end)[1]


def main():
    made = {
        "formats.md": {
            "per_image": table(PER_IMAGE),
            "statistics": table(STATISTICS),
            "status": names(NAMES % "BD_IMAGE_STATUS_TABLE"),
            "convergence": names(NAMES % "BD_CONVERGENCE_TABLE"),
        },
        "using.md": {"exit_status": statuses(STATUSES)},
    }
    for name, tables in made.items():
        path = os.path.join(SOURCE, "docs", name)
        with open(path) as file:
            page = right = file.read()
        for mark, text in tables.items():
            right = between(right, mark, text, path)
        if "--write" in sys.argv[1:]:
            with open(path, "w") as file:
                file.write(right)
        elif right != page:
            sys.exit(
                f"{path}: its tables differ from include/barydef; {sys.argv[0]} --write mends them"
            )


main()
