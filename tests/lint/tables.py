"""The tables of docs/formats.md say what the rows of include/barydef/*.def say.

Compares the tables between the marks; with --write writes them."""

import ast
import os
import re
import subprocess
import sys

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGE = os.path.join(SOURCE, "docs", "formats.md")
TYPES = {"int8_t": "int8", "int32_t": "int32", "int64_t": "int64", "double": "float64"}

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
  (#name, #type, meaning, " (where asked for)"),
#include <barydef/fields.def>
"""

STATISTICS = """
#define BD_COLUMN(type, name, meaning) (#name, #type, meaning, ""),
#define BD_COLUMN_TEXT(name, size, meaning) (#name, #size, meaning, ""),
#define BD_COUNT(name, when, meaning) (#name, "int64_t", meaning, ""),
#define BD_ACCURACY(VIEW, name, meaning) (#name, "double", "accuracy on " meaning, ""),
#define BD_ACCURACY_ADDED(VIEW, name, meaning) \\
  (#name, "double", "accuracy on " meaning, " (where asked for)"),
#define BD_SPREAD(name) (#name "_mean, " #name "_max", "double", "mean and maximum of " #name, ""),
#include <barydef/statistics.def>
"""


def rows(text):
    """What the preprocessor makes of the tables, as Python reads it."""
    command = ["cc", "-E", "-P", "-I", os.path.join(SOURCE, "include"), "-xc", "-"]
    found = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return ast.literal_eval("[" + " ".join(found.split("\n")) + "]")


def sizes():
    """The names of sizes in include/barydef/statistics.h."""
    with open(os.path.join(SOURCE, "include", "barydef", "statistics.h")) as file:
        return dict(re.findall(r"(BD_[A-Z_]+) = (\d+)", file.read()))


def table(text):
    lines = ["| field | type | meaning |", "|---|---|---|"]
    for name, kind, meaning, where in rows(text):
        kind = TYPES.get(kind) or f"string {sizes()[kind]}"
        lines.append(f"| {name} | {kind} | {meaning}{where} |")
    return "\n".join(lines)


def main():
    with open(PAGE) as file:
        page = file.read()
    right = page
    for name, text in ("per_image", PER_IMAGE), ("statistics", STATISTICS):
        begin, end = f"<!-- table: {name} -->\n", f"\n<!-- /table: {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            sys.exit(f"{PAGE}: no table {name} between its marks")
        before, rest = right.split(begin)
        right = before + begin + table(text) + end + rest.split(end)[1]
    if "--write" in sys.argv[1:]:
        with open(PAGE, "w") as file:
            file.write(right)
    elif right != page:
        sys.exit(f"{PAGE}: its tables are not those of include/barydef: {sys.argv[0]} --write")


main()
