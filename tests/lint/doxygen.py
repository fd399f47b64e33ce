"""Make the reference of the C API: doxygen.py DOXYGEN FOLDER.

Fails where Doxygen warns, and where the pages lack a member that a row of a table makes."""

import os
import re
import shutil
import subprocess
import sys

from members import SOURCE, preprocessed

# The struct or the file whose page has the members, and what names them.
TABLES = {
    "structbd__per__image__t.html": """
#define BD_FIELD(type, name, ...) MEMBER(name)
#include <barydef/fields.def>
""",
    "structbd__statistics__t.html": """
#define BD_COLUMN(type, name, meaning) MEMBER(name)
#define BD_COLUMN_TEXT(name, size, meaning) MEMBER(name)
#define BD_COUNT(name, when, meaning) MEMBER(name)
#define BD_ACCURACY(VIEW, name, meaning) MEMBER(name)
#define BD_SPREAD(name) MEMBER(name)
#include <barydef/statistics.def>
""",
    "structbd__parameters__t.html": """
#define BD_PARAMETER(section, key, role, kind, member, ...) MEMBER(member)
#define BD_SOLVER_PARAMETER(...)
#include <barydef/parameters.def>
""",
    "marginal_8h.html": """
#define INTERPOLATION(NAME, ...) MEMBER(BD_##NAME)
BD_INTERPOLATION_TABLE(INTERPOLATION)
""",
    "job_8h.html": """
#define WRITERS(NAME, ...) MEMBER(BD_WRITERS_##NAME)
#define VERIFY(NAME, ...) MEMBER(BD_VERIFY_##NAME)
BD_WRITERS_TABLE(WRITERS) BD_VERIFY_TABLE(VERIFY)
""",
    "view_8h.html": """
#define BD_VIEW(NAME, ...) MEMBER(BD_VIEW_##NAME)
#include <barydef/views.def>
""",
    "solver_8h.html": """
#define COST(NAME, ...) MEMBER(BD_COST_##NAME)
#define STATUS(NAME, ...) MEMBER(BD_IMAGE_##NAME)
#define CONVERGENCE(NAME, ...) MEMBER(BD_##NAME)
BD_COST_TABLE(COST) BD_IMAGE_STATUS_TABLE(STATUS) BD_CONVERGENCE_TABLE(CONVERGENCE)
#define KERNEL(NAME, ...) MEMBER(BD_KERNEL_##NAME)
#define INSTRUCTIONS(NAME, ...) MEMBER(BD_INSTRUCTIONS_##NAME)
#define PRECISION(NAME, ...) MEMBER(BD_PRECISION_##NAME)
#define METHOD(NAME, ...) MEMBER(BD_METHOD_##NAME)
#define REGULARIZER(NAME, ...) MEMBER(BD_REGULARIZER_##NAME)
#define MASS(NAME, ...) MEMBER(BD_MASS_##NAME)
BD_KERNEL_TABLE(KERNEL) BD_INSTRUCTIONS_TABLE(INSTRUCTIONS) BD_PRECISION_TABLE(PRECISION)
BD_METHOD_TABLE(METHOD) BD_REGULARIZER_TABLE(REGULARIZER) BD_MASS_TABLE(MASS)
""",
}
# One of each, by name, so that the lists above cannot be empty.
KNOWN = ["residual", "predicted_median", "median_accuracy", "blur_sigma", "BD_VIEW_JPEG"]


def missing(folder):
    """The members that no page has, and those of KNOWN that no table has."""
    unknown = set(KNOWN)
    lost = []
    for page, text in TABLES.items():
        with open(os.path.join(folder, "html", page)) as file:
            html = file.read()
        for name in re.findall(r"MEMBER\((\w+)\)", preprocessed(text)):
            unknown.discard(name)
            if not re.search(rf"[>: ]{name}(</a>|&#160;|<)", html):
                lost.append(f"{page}: {name}")
    return lost + sorted(unknown)


def main():
    doxygen, folder = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    environment = dict(os.environ, BARYDEF_DOCS=folder, BARYDEF_PYTHON=sys.executable)
    subprocess.run([doxygen, "docs/Doxyfile"], cwd=SOURCE, env=environment, check=True)
    lost = missing(folder)
    if lost:
        sys.exit("Doxygen does not show these:\n" + "\n".join(lost))


main()
