"""Line coverage of src/, by gcov.

    /usr/bin/python3 tests/coverage/coverage.py BUILD [--missing]

Runs the tests of a build of preset coverage, and prints what share of the lines they run, in each
folder and in all.  Fails below 90 % outside the victim shim.  With --missing no test is run, and
the lines that did not run are listed.

The numerics are compiled for several instruction sets and two precisions.  A line has run if it ran
in any of them."""

import glob
import json
import os
import subprocess
import sys

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LEAST = 90  # percent
APART = "src/victim"


def files(build, kind):
    return glob.glob(os.path.join(build, "CMakeFiles", "**", f"*.{kind}"), recursive=True)


def count(build):
    """{file of src/: {line: whether it ran}}"""
    found = {}
    for notes in files(build, "gcno"):
        said = subprocess.run(
            ["gcov", "--json-format", "--stdout", notes],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        for file in json.loads(said.stdout)["files"]:
            name = os.path.relpath(os.path.join(build, file["file"]), SOURCE)
            if name.startswith("src/"):
                lines = found.setdefault(name, {})
                for line in file["lines"]:
                    lines[line["line_number"]] = (
                        lines.get(line["line_number"], False) or line["count"] > 0
                    )
    return found


def report(found):
    """Print the table; the share in all, in percent."""
    table = {}
    for name, lines in found.items():
        folder = os.path.dirname(name)
        for row in [folder] if folder == APART else [folder, f"all but {APART}"]:
            ran, of = table.get(row, (0, 0))
            table[row] = ran + sum(lines.values()), of + len(lines)
    for row in sorted(table, key=lambda name: (not name.startswith("src"), name)):
        ran, of = table[row]
        print(f"{row:20s} {ran:5d} of {of:5d} lines  {100 * ran / of:5.1f} %")
    ran, of = table[f"all but {APART}"]
    return 100 * ran / of


def ranges(numbers):
    """1-3, 7"""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


if __name__ == "__main__":
    build, tests = os.path.abspath(sys.argv[1]), 0
    if "--missing" in sys.argv:
        for name, lines in sorted(count(build).items()):
            print(f"{name}: {ranges(line for line in lines if not lines[line]) or 'none'}")
    else:
        for counters in files(build, "gcda"):
            os.remove(counters)
        tests = subprocess.run(["ctest", "--preset", "coverage"], cwd=SOURCE).returncode
    share = report(count(build))
    if share < LEAST:
        print(f"{share:.1f} % of the lines outside {APART} ran, at least {LEAST} % should")
    sys.exit(1 if tests or share < LEAST else 0)
