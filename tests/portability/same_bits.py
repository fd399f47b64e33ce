"""Compare results of two builds, clock and machine aside.

    PYTHONPATH=tests/runs same_bits.py --same|--near FIRST.h5 SECOND.h5 [FIRST.h5 SECOND.h5 ...]

--same: every dataset and attribute must be the same bit by bit.  --near: every prediction and
accuracy must be, and images may differ by 1e-6 of a pixel's range.  One line for each pair says
what was compared and what differs.  Exit status 1 if they are not what they must be."""

import sys

import h5py
import numpy as np

from results import contents

NEAR = 1e-6


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


def groups(file):
    """The groups of all runs and attacks."""
    return [f"runs/{run}/{attack}" for run in file["runs"] for attack in file[f"runs/{run}"]]


def answers(file):
    """{(place, column): values} of all predictions and accuracies."""
    found = {"statistics": file["statistics"][()]}
    for group in groups(file):
        found[group] = file[group + "/per_image"][()]
    return {
        (place, name): rows[name].tobytes()
        for place, rows in found.items()
        for name in rows.dtype.names
        if name.startswith("predicted_") or "accuracy" in name
    }


def near(first, second):
    """The same where images may differ."""
    with h5py.File(first, locking=False) as a, h5py.File(second, locking=False) as b:
        answered, again = answers(a), answers(b)
        pairs = [(a[g + "/images"][()], b[g + "/images"][()]) for g in groups(a)]
        far = [np.abs(np.nan_to_num(x) - np.nan_to_num(y)).max((1, 2, 3)) for x, y in pairs]
    far = np.concatenate(far)
    other = [name for name in answered if answered[name] != again.get(name)]
    line = (
        f"{len(answered)} columns of predictions and accuracies, {len(other)} differ; "
        f"{np.count_nonzero(far)} of {len(far)} images differ, by at most {far.max():.1e}"
    )
    return line, not other and far.max() <= NEAR


def main(how, *paths):
    compare = {"--same": same, "--near": near}[how]
    if not paths or len(paths) % 2:
        sys.exit(__doc__)
    all_same = True
    for first, second in zip(paths[::2], paths[1::2]):
        line, is_same = compare(first, second)
        print(f"{first} and {second}: {line}")
        all_same = all_same and is_same
    return 0 if all_same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
