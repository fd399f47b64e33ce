"""Compare results of two builds bit by bit, clock and machine aside.

    PYTHONPATH=tests/runs same_bits.py FIRST.h5 SECOND.h5 [FIRST.h5 SECOND.h5 ...]

One line for each pair says how much was compared and what differs.  Exit status 1 if anything
does."""

import sys

from results import contents


def same(first, second):
    """The line for one pair, and whether all is the same."""
    first, second = contents(first), contents(second)
    differing = sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )
    images = [name for name in first if name.endswith("/images")]
    line = f"{len(first)} datasets and attributes, {len(images)} of them images: "
    if not differing:
        return line + "the same bits", len(images) > 0
    return line + f"{len(differing)} differ: {', '.join(differing[:20])}", False


def main(*paths):
    if not paths or len(paths) % 2:
        sys.exit(__doc__)
    all_same = True
    for first, second in zip(paths[::2], paths[1::2]):
        line, is_same = same(first, second)
        print(f"{first} and {second}: {line}")
        all_same = all_same and is_same
    return 0 if all_same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
