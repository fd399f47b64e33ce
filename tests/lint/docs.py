"""Every link of the pages leads somewhere, what they name is there, and no line is too wide.

docs.py links: files and anchors of every link in the pages.
docs.py files: files that the pages and sources name, and functions that the pages name.
docs.py lists: lists that a reflow has run together.
docs.py tests: tests that the pages name, and classes of them that docs/security.md names.
docs.py size: lines of at most 120 columns; README of at most 110 lines and 1,300 words.
Exit status 1 and one line for each fault."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
COLUMNS, README_LINES, README_WORDS = 120, 110, 1300
TEXTS = (".c", ".h", ".cpp", ".def", ".sh", ".sbatch", ".cmake", ".supp")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```.*?^```|    [^\n]*)$", re.M | re.S)


def pages():
    """Every page of prose in the repository."""
    return sorted(TOP.glob("*.md")) + sorted((TOP / "docs").glob("*.md"))


def sources():
    """Files whose comments name files of this repository."""
    found = [TOP / ".clang-format", TOP / ".clang-tidy", TOP / "CMakeLists.txt"]
    for folder in ("src", "include", "tests", "cmake", "slurm"):
        found += [path for path in (TOP / folder).rglob("*") if path.suffix in TEXTS]
    return sorted(found)


def prose(path):
    """A page without its code, in which brackets mean other things."""
    return CODE.sub("", path.read_text())


def anchors(path):
    """The names by which the headings of a page can be linked, as GitHub makes them."""
    names = []
    for heading in re.findall(r"^#+ +(.+?)\s*$", prose(path), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        names.append(name if name not in names else f"{name}-{names.count(name)}")
    return names


def dead_links():
    for page in pages():
        for link in LINK.findall(prose(page)):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            where = f"{page.relative_to(TOP)}: {link}"
            if not target.exists():
                yield f"{where}: no such file"
            elif anchor and anchor not in anchors(target):
                yield f"{where}: no such heading"


def lost_files():
    """Files that a page or a source names, functions that a page names, that are not there."""
    named = re.compile(r"\b(?:src|include|tests|jobs|slurm|cmake|docs|analysis)/[\w./-]+\.\w+")
    for page in pages() + sources():
        for name in sorted(set(named.findall(page.read_text()))):
            if "NAME" not in name and not (TOP / name).exists():
                yield f"{page.relative_to(TOP)}: {name}: no such file"
    functions = "".join(
        path.read_text() for folder in ("src", "include") for path in (TOP / folder).rglob("*.[ch]")
    )
    for page in pages():
        for name in sorted(set(re.findall(r"`(\w+)\(\)`", page.read_text()))):
            if not re.search(rf"\b{name}\(", functions):
                yield f"{page.relative_to(TOP)}: {name}(): no such function"


def lost_tests():
    """Tests that a page names, classes that docs/security.md names, that are not there."""
    tests = "".join(path.read_text() for path in (TOP / "tests/hostile").glob("*.py"))
    for row in re.findall(r"^\|.*\|$", (TOP / "docs/security.md").read_text(), re.M):
        for name in re.findall(r"`([A-Z][a-z]+)` \|$", row):
            if not re.search(rf"^class {name}\b", tests, re.M):
                yield f"docs/security.md: no class {name} in tests/hostile"
    known = "".join(path.read_text() for path in (TOP / "tests").rglob("CMakeLists.txt"))
    for page in pages():
        for name in re.findall(
            r"`((?:analysis|bench|hostile|reference|runs)\.\w+)`", page.read_text()
        ):
            if not re.search(rf"\b{re.escape(name)}\b", known):
                yield f"{page.relative_to(TOP)}: {name}: no such test"


def run_together():
    """Items of a list that continue the one before, and lines of an item at the margin."""
    item = re.compile(r"(?:(\d+)\.|-) ")
    for page in pages():
        number, text, in_list = 0, "", False
        for line in prose(page).splitlines():
            begin = item.match(line)
            if begin:
                number, text, in_list = int(begin.group(1) or 0), "", True
            elif not line:
                number, in_list = 0, False
            elif in_list and not line.startswith(" "):
                yield f"{page.relative_to(TOP)}: {line}: should be indented as its item is"
                in_list = False
            text += f" {line.strip()}"
            if number and re.search(rf"[.:)] {number + 1}\. [A-Z*`]", text):
                yield f"{page.relative_to(TOP)}: {line}: item {number + 1} should begin a line"
                number += 1


def oversize():
    for page in pages():
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if len(line) > COLUMNS and page.name != "reproduction.md":  # has a tool's tables
                yield f"{page.relative_to(TOP)}:{number}: {len(line)} columns"
    text = (TOP / "README.md").read_text()
    wide = [line for line in text.splitlines() if len(line) > COLUMNS]
    if wide or len(text.splitlines()) > README_LINES or len(text.split()) > README_WORDS:
        yield (
            f"README.md: {len(text.splitlines())} lines, {len(text.split())} words,"
            f" {len(wide)} lines of more than {COLUMNS} columns"
        )


def main():
    checks = {
        "links": dead_links,
        "size": oversize,
        "files": lost_files,
        "lists": run_together,
        "tests": lost_tests,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit("usage: docs.py links|size|files|lists|tests")
    faults = list(checks[sys.argv[1]]())
    print("\n".join(faults) or f"{len(pages())} pages: {sys.argv[1]} are as they should be")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
