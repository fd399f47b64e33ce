"""Code on the pages of docs/, which tests run as it stands."""

import os
import re

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")


def code(page, heading):
    """The indented lines below a heading of docs/PAGE, up to the next heading.

    They are to be run at the top of the sources, as by whoever follows the page."""
    with open(os.path.join(DOCS, page)) as file:
        _, below = re.split(rf"^#+ {re.escape(heading)}\n", file.read(), flags=re.MULTILINE)
    section = re.split(r"^#+ ", below, flags=re.MULTILINE)[0]
    return "".join(re.findall(r"^    (.*\n)", section, re.MULTILINE))
