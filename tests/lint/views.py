"""The views of include/barydef/views.def are those that the Python package and docs/using.md have.

Compares names, columns and the parameter of each.  Exit status 1 and one line for each fault."""

import ast
import importlib.util
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]

# {name, column of the accuracy, when it is asked for, what it depends on} of each row.
VIEWS = """
#define BD_VIEW(NAME, name, label, accuracy, asked, on, ...) (#name, #accuracy, #asked, #on),
#include <barydef/views.def>
"""


def rows():
    command = ["cc", "-E", "-P", "-I", TOP / "include", "-xc", "-"]
    found = subprocess.run(command, input=VIEWS, capture_output=True, text=True, check=True).stdout
    return ast.literal_eval("[" + " ".join(found.split("\n")) + "]")


def parameter(on):
    """The parameter of a view whose prediction depends on ON(parameter), or None."""
    found = re.fullmatch(r"ON\((\w+)\)", on)
    return f"baseline.{found.group(1)}" if found else None


def of_package():
    """What analysis/barydef/views.py says of each view."""
    path = TOP / "analysis/barydef/views.py"
    spec = importlib.util.spec_from_file_location("views", path)
    views = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(views)
    return {
        (views.predicted_field(name), f"{name}_accuracy", view.parameter)
        for name, view in views.VIEWS.items()
    }


def of_page():
    """Names of the rows of the table of docs/using.md, each with the parameter that it names, and
    the views that it calls the default."""
    page = (TOP / "docs/using.md").read_text()
    table = re.search(r"^\| view \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.M).group(1)
    found = []
    for line in table.splitlines():
        named = re.search(r"`(baseline\.\w+)`", line)
        found.append((line.split("|")[1].strip(), named and named.group(1)))
    return found, re.search(r"the default is\s+`([\w, ]+)`", page).group(1).split(", ")


def faults():
    table = rows()
    wanted = {(f"predicted_{name}", column, parameter(on)) for name, column, _, on in table}
    for view in sorted(of_package() ^ wanted, key=str):
        file = "views.def" if view in wanted else "analysis/barydef/views.py"
        yield f"only {file} has {view}"
    chosen = [(name, parameter(on)) for name, _, asked, on in table if asked != "ALWAYS"]
    default = [name for name, _, asked, _ in table if asked == "BY_DEFAULT"]
    named, named_default = of_page()
    if named != chosen:
        yield f"docs/using.md has {named}, views.def {chosen}"
    if named_default != default:
        yield f"docs/using.md calls {named_default} the default, views.def {default}"


found = list(faults())
print("\n".join(found) or "the views are those of views.def")
sys.exit(1 if found else 0)
