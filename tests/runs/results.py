"""Reads results, and compares them: bit by bit, and with what their tables must say."""

import re

import h5py
import numpy as np


def contents(path, below=""):
    """Everything of a result that must not depend on clock or machine, bit by bit.

    That is {name: (type, shape, bytes)} of the datasets and attributes of /labels, /statistics,
    /runs and /checksums, or of those below one group, named relative to it.  Tables are taken field
    by field too."""
    found = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            # All fields at once, since HDF5 takes milliseconds to prepare the reading of each.
            values = item[()]
            found[name] = (str(item.dtype), item.shape, values.tobytes())
            for field in item.dtype.names or []:
                found[f"{name}.{field}"] = (
                    str(item.dtype[field]),
                    item.shape,
                    values[field].tobytes(),
                )
        for key, value in item.attrs.items():
            value = np.asarray(value)
            found[f"{name}@{key}"] = (str(value.dtype), value.shape, value.tobytes())

    with h5py.File(path, "r") as file:
        if below:
            add("", file[below])
            file[below].visititems(add)
        else:
            file.visititems(add)
    return found


def read(path, *names):
    """The dataset of this name, or a list of datasets where there are several names."""
    with h5py.File(path, "r") as file:
        values = [file[name][()] for name in names]
    return values[0] if len(values) == 1 else values


def status_names(table):
    """{code: name} of a per_image table."""
    return {
        int(code): name
        for code, name in re.findall(r"(\d+) ([\w-]+)", table.attrs["status_names"].decode())
    }


ACCURACIES = {
    "attack": "attacked",
    "rounded": "rounded",
    "blurred": "blurred",
    "mean": "mean",
    "barycenter": "purified",
}


FIGURES = [
    "iterations",
    "residual",
    "mass_defect",
    "l2_to_attacked",
    "linf_to_attacked",
    "l2_to_clean",
    "linf_to_clean",
]


PER_IMAGE = {
    "label": "i8",
    "status": "i1",
    "iterations": "i4",
    **{name: "f8" for name in FIGURES if name != "iterations"},
    **{
        f"predicted_{name}": "i4" for name in ("attacked", "rounded", "blurred", "mean", "purified")
    },
}


STATISTICS = {
    "run": "i4",
    "attack": "S64",
    "norm": "S16",
    "epsilon": "f8",
    "images": "i8",
    "failed": "i8",
    **{f"{name}_accuracy{part}": "f8" for name in ACCURACIES for part in ("", "_low", "_high")},
    "recovered": "i8",
    "broken": "i8",
    **{f"{name}_{part}": "f8" for name in FIGURES for part in ("mean", "max")},
}


def wilson(successes, trials):
    """The fraction, and both p with |fraction - p| = z sqrt(p (1 - p) / trials), which are roots of
    a quadratic."""
    square = 1.9599639845400545**2 / trials
    low, high = sorted(
        np.roots([1 + square, -2 * successes / trials - square, (successes / trials) ** 2]).real
    )
    return successes / trials, low, high


def check_statistics(test, path, has_victim):
    """/statistics says what its per_image tables say."""
    with h5py.File(path, "r") as file:
        rows = file["statistics"][()]
        for row in rows:
            group = file[f"runs/{row['run']:03d}/{row['attack'].decode()}"]
            images, ok = group["per_image"][()], group["per_image"][()]["status"] == 0
            said = {name: images[f"predicted_{field}"] for name, field in ACCURACIES.items()}
            right = {name: says == images["label"] for name, says in said.items()}
            judged = {name: ok | (says >= 0) for name, says in said.items()}
            judged["barycenter"] = np.ones(len(images), bool)
            is_measured = has_victim and any((says >= 0).any() for says in said.values())
            expected = {
                "images": len(images),
                "failed": np.sum(~ok),
                "recovered": np.sum(ok & ~right["attack"] & right["barycenter"]),
                "broken": np.sum(ok & right["attack"] & ~right["barycenter"]),
            }
            for name in ACCURACIES:
                values = [np.nan] * 3
                if is_measured and judged[name].any():
                    values = wilson(np.sum(right[name]), np.sum(judged[name]))
                expected.update(
                    zip((f"{name}_accuracy{part}" for part in ("", "_low", "_high")), values)
                )
            for name in FIGURES:
                values = images[name][ok & ~np.isnan(images[name])]
                expected[f"{name}_mean"] = np.mean(values) if len(values) else np.nan
                expected[f"{name}_max"] = np.max(values) if len(values) else np.nan
            for name, value in expected.items():
                np.testing.assert_allclose(
                    row[name], value, rtol=1e-12, atol=1e-15, err_msg=f"{name} of {row}"
                )
            test.assertEqual(row["norm"], group.attrs["norm"])
            np.testing.assert_equal(row["epsilon"], group.attrs["epsilon"])
    return rows
