"""Sets of attacked images between NumPy's files and barydef's format.

An .npz holds `labels` (integers [n] or [n,1], or one-hot rows), optionally `clean`, and an array
for each attack. Images are [n,C,H,W] or [n,H,W,C], told apart by which axis has 1 or 3, and are
floats in [0,1] or uint8. The names of the arrays become the names of the attacks. Sets made with
Foolbox, ART or RobustBench are kept in this form. Their x_test and y_test, for example, are clean
images and labels beside an attack x_adv (RESERVED).
`attributes`, a text in JSON, holds what is no array: {"dataset": ..., "attacks": {name: {"norm",
"epsilon", "source", and where they are known "through", "gradient", "purifier"}}}. Of a result it
also holds the file's name as "result", its "run" and "parameters", and which arrays are
"purified"."""

import json
import os
import zipfile
from dataclasses import dataclass

import numpy as np

from .errors import Unsuitable
from .files import reading, written
from .formats import CLEAN, INPUT_SCHEMA, RESULT_SCHEMA
from .hdf5 import opened
from .result import Result
from .set_file import Attacked, check_labels, check_name, planes_first, write_set
from .text import text

# What the name of an array means, in lower case. Any other is an attack's. `attack` reads the same.
RESERVED = {
    **dict.fromkeys(("labels", "y", "y_test"), "labels"),
    **dict.fromkeys((CLEAN, "x_clean", "x_test", "x", "images"), CLEAN),
    "attributes": "attributes",
}
KINDS = {
    "norm": str,
    "epsilon": float,
    "source": str,
    **dict.fromkeys(("through", "gradient", "purifier"), str),
}
# barydef shows the start of a source, so what tells runs apart comes first.
FOREMOST = (
    "marginals.set",
    "solver.gamma",
    "solver.theta",
    "solver.tau",
    "solver.iterations",
    "solver.cost",
    "solver.window",
)
PURIFIED_CLEAN = "purified_clean"  # purified images of clean ones are no longer clean


# ---- into barydef's format ----


def load(path):
    """{name: array} of an .npz, or of an .npy, which is named by its file."""
    with reading(path, "an .npz or .npy of numbers"), open(path, "rb") as file:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {os.path.splitext(os.path.basename(path))[0]: found}
        with found:
            return {name: found[name] for name in found.files}


def run_of(about):
    """Where purified images come from, in words; "" of other images."""
    if "run" not in about:
        return ""
    parameters = about["parameters"]
    known = {
        name: parameters[name]
        for name in (*FOREMOST, *parameters)
        if name.startswith(("marginals.", "solver.")) and name in parameters
    }
    settings = ", ".join(f"{name}={value}" for name, value in known.items())
    return f"run {about['run']} of {about.get('result', 'a result')}: {settings}"


def attributes_of(array, path):
    """What a set can keep of `attributes`, with "purified" as {name: run_of}."""
    with reading(
        path, "a file of this package: its attributes are no text in JSON of the form of convert.py"
    ):
        about = {} if array is None else json.loads(str(array))
        return {
            "dataset": str(about.get("dataset", "")),
            "purified": dict.fromkeys(about.get("purified", ()), run_of(about)),
            "attacks": {
                name: {key: KINDS[key](one[key]) for key in KINDS if key in one}
                for name, one in about.get("attacks", {}).items()
            },
        }


def read_arrays(paths, labels=None):
    """Two dictionaries: the arrays of .npz and .npy files, and which file each is from.

    Their keys are "labels", "clean", "attributes" and the names of the attacks."""
    arrays, origins = {}, {}
    given = load(labels) if labels else {}
    if len(given) > 1:
        raise Unsuitable(f"{labels}: holds {', '.join(given)}; one array of labels is needed")
    for path, found in [(path, load(path)) for path in paths] + [
        (labels, {"labels": array}) for array in given.values()
    ]:
        for name, array in found.items():
            name = RESERVED.get(name.lower(), name)
            if name in arrays:
                raise Unsuitable(f"{path}: a second array of {name}")
            arrays[name], origins[name] = array, path
    return arrays, origins


def wanted(names, chosen, path):
    """The chosen of these names, or all of them."""
    for name in chosen or ():
        if name not in names:
            raise Unsuitable(f"{path}: no attack {name}; there are {', '.join(names)}")
    return chosen or list(names)


def rename_purified(images, attacks, about, path):
    """Turn purified clean images into an attack of their own, and let sources tell the run."""
    purified = about["purified"]
    if CLEAN in images and CLEAN in purified:
        if PURIFIED_CLEAN in images:
            raise Unsuitable(f"{path}: a second array of {PURIFIED_CLEAN}")
        images[PURIFIED_CLEAN] = images.pop(CLEAN)
        attacks[PURIFIED_CLEAN] = {"norm": "none", "epsilon": 0, "source": "clean images"}
        purified[PURIFIED_CLEAN] = purified[CLEAN]
    for name in attacks.keys() & purified.keys():
        attacks[name]["source"] = f"{purified[name]}; made from: {attacks[name]['source']}"


@dataclass(frozen=True)
class Unsaid:
    """What is written where the files do not say it."""

    dataset: str = ""
    norm: str = "unknown"
    epsilon: float = float("nan")


def to_set(paths, output, labels=None, unsaid=Unsaid(), chosen=None):
    """Write NumPy's files in barydef's format.

    `labels` is the path of the labels, where the other files have none; `chosen` are the names of
    the attacks to take, None for all."""
    arrays, origins = read_arrays(paths, labels)
    numbers = arrays.pop("labels", None)
    about = attributes_of(arrays.pop("attributes", None), origins.get("attributes"))
    if numbers is None:
        raise Unsuitable(f"{paths[0]}: no array named labels (or y, y_test); --labels names a file")
    numbers = check_labels(numbers, f"{origins['labels']}: labels")
    if not arrays:
        raise Unsuitable(f"{paths[0]}: no images in it")
    for name in arrays.keys() - {CLEAN}:
        check_name(name)
    images = {name: planes_first(arrays[name], name) for name in wanted(arrays, chosen, paths[0])}
    attacks = {
        name: {
            "norm": unsaid.norm,
            "epsilon": unsaid.epsilon,
            "source": f"converted from {origins[name]}",
            **about["attacks"].get(name, {}),
        }
        for name in images
        if name != CLEAN
    }
    rename_purified(images, attacks, about, paths[0])
    write_set(
        output,
        numbers,
        images.get(CLEAN),
        {name: Attacked(images[name], **known) for name, known in attacks.items()},
        unsaid.dataset or about["dataset"],
    )


# ---- and back ----


def plain(value):
    """An attribute as JSON can hold it."""
    if isinstance(value, (bytes, str)):
        return text(value)
    return value.tolist() if hasattr(value, "tolist") else value


def groups_of_set(file):
    """({attack: its group}, what is known of the file)."""
    groups = dict(file.get("attacks", {}).items())
    if CLEAN in file:
        groups[CLEAN] = file[CLEAN]
    return groups, {"dataset": text(file.attrs.get("dataset", ""))}


def groups_of_result(path, run):
    """({attack: its group in this run}, what is known of the run)."""
    result = Result(path)
    first, last = result.runs[0], result.runs[-1]
    if run is None and len(result.runs) > 1:
        raise Unsuitable(f"{path}: {len(result.runs)} runs, {first} to {last}; --run chooses one")
    number = first if run is None else f"{run:03d}"
    if number not in result.runs:
        raise Unsuitable(f"{path}: no run {number}; there are {first} to {last}")
    place = result.file[f"runs/{number}"]
    return (
        {name: place[name] for name in result.attacks},
        {
            "dataset": result.dataset,
            "result": os.path.basename(path),
            "run": number,
            "parameters": {name: plain(value) for name, value in place.attrs.items()},
        },
    )


def check_groups(groups, path):
    """Refuse groups that hold no images, or whose names mean something else in an .npz."""
    for name, group in groups.items():
        if "images" not in group:
            raise Unsuitable(f"{path}: it holds no images of {name} (output.images = no)")
        if name != CLEAN and name.lower() in RESERVED:
            raise Unsuitable(
                f"{path}: attack {name} would be taken for {RESERVED[name.lower()]} in an .npz; "
                "--attack chooses others"
            )


def told_of(group):
    """What the attributes of a group say of its attack, epsilon only where it is known."""
    known = {key: plain(group.attrs[key]) for key in KINDS if key in group.attrs}
    return {key: value for key, value in known.items() if value == value}


def arrays_of(path, labels, groups, about):
    """(name, array) one after the other, so that no more than one of them is in memory."""
    yield "labels", labels
    yield "attributes", np.array(json.dumps(about))
    for name, group in groups.items():
        with reading(path, "whole"):
            images = group["images"][:]
        yield name, images


def to_arrays(path, output, run=None, chosen=None):
    """Write a set, or the purified images of one run of a result, as an .npz of the same names."""
    with reading(path, "a set of attacked images or a result of barydef"), opened(path) as file:
        schema = text(file.attrs.get("schema", ""))
        if schema not in (INPUT_SCHEMA, RESULT_SCHEMA):
            raise Unsuitable(f"{path}: neither a set of attacked images nor a result of barydef")
        if schema == INPUT_SCHEMA and run is not None:
            raise Unsuitable(f"{path}: a set of attacked images has no runs")
        groups, about = (
            groups_of_set(file) if schema == INPUT_SCHEMA else groups_of_result(path, run)
        )
        groups = {name: groups[name] for name in wanted(groups, chosen, path)}
        if "run" in about:
            about["purified"] = list(groups)
        check_groups(groups, path)
        about["attacks"] = {name: told_of(group) for name, group in groups.items() if name != CLEAN}
        with written(output) as temporary, zipfile.ZipFile(
            temporary, "w", zipfile.ZIP_DEFLATED
        ) as archive:
            for name, array in arrays_of(path, file["labels"][:], groups, about):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
