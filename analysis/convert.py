"""Sets of attacked images between NumPy's files and barydef's format.

An .npz holds `labels` (integers [n] or [n,1], or one-hot rows), optionally `clean`, and an array for each attack; the images
[n,C,H,W] or [n,H,W,C] (told apart by which axis has 1 or 3), float in [0,1] or uint8.  Its names become the names of the attacks:
the form in which sets made with Foolbox, ART or RobustBench are kept (RESERVED: x_test and y_test, say, are clean images and
labels, beside an attack x_adv).
`attributes`, a text in JSON, holds what is no array: {"dataset": ..., "attacks": {name: {"norm", "epsilon", "source"}}} and, of a
result, its file's name as "result", its "run" and "parameters", and which arrays are "purified"."""

import json
import os
import zipfile

import h5py
import numpy as np

from files import Unsuitable, reading, written
from result import CLEAN, UNCLEAN, Result, opened, text

# What an array's name means, in lower case; any other is an attack's.  `attack` reads the same (datasets.py).
RESERVED = {
    **dict.fromkeys(("labels", "y", "y_test"), "labels"),
    **dict.fromkeys((CLEAN, "x_clean", "x_test", "x", "images"), CLEAN),
    "attributes": "attributes",
}
KINDS = {"norm": str, "epsilon": float, "source": str}
NAME_BYTES, ATTACKS_MOST = 63, 1000  # as in src/storage/survey.h
TEXT_BYTES = 65000  # of an attribute (docs/formats.md); barydef shows the first 255 of a source, so what tells runs apart comes first
FOREMOST = (
    "marginals.set",
    "solver.gamma",
    "solver.theta",
    "solver.tau",
    "solver.iterations",
    "solver.cost",
    "solver.window",
)
PURIFIED_CLEAN = "purified_clean"  # what was purified is no clean image any more


# ---- what barydef's own reader accepts (src/storage/survey.c, survey_check.c, src/text.c) ----


def check_name(name):
    wrong = (
        "is empty"
        if not name
        else "has control characters or is no UTF-8"
        if UNCLEAN.search(name) or "\n" in name
        else f"is longer than {NAME_BYTES} bytes"
        if len(name.encode()) > NAME_BYTES
        else "has a slash or is a dot, which HDF5 takes for a path"
        if "/" in name or name == "."
        else "is kept for the images without attack"
        if name == CLEAN
        else ""
    )
    if wrong:
        raise Unsuitable(f"the name of attack {ascii(name[:80])} {wrong}")


def one_hot(labels):
    return labels.dtype.kind in "biuf" and bool(
        np.all(((labels == 1).sum(1) == 1) & ((labels == 0).sum(1) == labels.shape[1] - 1))
    )


def check_labels(labels):
    """int64 [n], of integers [n] or [n,1] (Keras' CIFAR-10) or of one-hot rows (ART's loaders)."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not one_hot(labels):
            raise Unsuitable(
                f"labels: of shape {labels.shape}: where these are one-hot, labels.argmax(1) is what is needed"
            )
        labels = labels.argmax(1)
    if labels.ndim == 2 and labels.shape[1] == 1 and np.issubdtype(labels.dtype, np.integer):
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise Unsuitable(f"labels: {labels.dtype} {labels.shape}; integers [n] are needed")
    if len(labels) == 0 or int(labels.max()) > np.iinfo("i8").max:
        raise Unsuitable(
            "labels: there are none" if len(labels) == 0 else f"labels: {labels.max()} is too large"
        )
    return labels.astype("i8")


def check_set(labels, groups):
    """groups: {name: images}, which must agree with the labels and with one another; int64 labels."""
    labels = check_labels(labels)
    if not groups or len(groups) > ATTACKS_MOST:
        raise Unsuitable(f"{len(groups)} attacks; from 1 to {ATTACKS_MOST} can be written")
    first = next(iter(groups))
    for name, images in groups.items():
        shape, other = (" x ".join(map(str, groups[one].shape[1:])) for one in (name, first))
        if len(images) != len(labels):
            raise Unsuitable(f"{name}: {len(images)} images, but {len(labels)} labels")
        if shape != other:
            raise Unsuitable(
                f"{name}: images of {shape} (channels, height, width), but those of {first} are of {other}"
            )
        if not all(1 <= size <= most for size, most in zip(images.shape[1:], (4096, 32768, 32768))):
            raise Unsuitable(
                f"{name}: images of {shape}; up to 4096 channels of 32768 x 32768 can be purified"
            )
    return labels


def planes_first(images, name):
    """[n,C,H,W] of what is [n,C,H,W], [n,H,W,C] or [n,H,W]."""
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise Unsuitable(
            f"{name}: images of shape {images.shape}; [n,C,H,W], [n,H,W,C] or [n,H,W] can be read"
        )
    if images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.dtype.kind == "f":
        images = images.astype(
            "f4" if images.dtype.itemsize == 2 else images.dtype.newbyteorder("="), copy=False
        )
    if images.dtype not in (np.uint8, np.float32, np.float64):
        raise Unsuitable(f"{name}: {images.dtype}; uint8, float16, float32 or float64 can be read")
    if images.dtype != np.uint8 and images.size:
        low, high = np.fmin.reduce(images, None), np.fmax.reduce(
            images, None
        )  # NaN is left to barydef, which marks such an image as failed
        if low < 0 or high > 1 + 1e-6:
            raise Unsuitable(f"{name}: values from {low:g} to {high:g}; floats must be in [0,1]")
    return images


# ---- into barydef's format ----


def write_set(path, labels, clean, attacks, dataset):
    """attacks: {name: (images, norm, epsilon, source)}; what barydef would refuse is not written."""
    for name in attacks:
        check_name(name)
    groups = {f"attacks/{name}": entry for name, entry in attacks.items()}
    if clean is not None:
        groups[CLEAN] = (clean, None, None, None)
    labels = check_set(labels, {group.split("/")[-1]: entry[0] for group, entry in groups.items()})
    with written(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(schema="attacked-images", schema_version=1, dataset=dataset)
        file["labels"] = labels
        for group, (images, norm, epsilon, source) in groups.items():
            count = max(
                1, min(len(images), 64, (4 << 20) // (images[0].size * images.itemsize))
            )  # chunks that any run.max_memory can hold
            file.create_dataset(
                f"{group}/images",
                data=images,
                chunks=(count, *images.shape[1:]),
                compression="gzip",
                shuffle=True,
            )
            if norm is not None:
                file[group].attrs.update(
                    norm=norm,
                    epsilon=float(epsilon),
                    source=source.encode()[:TEXT_BYTES].decode(errors="ignore"),
                )


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
    known = {
        name: about["parameters"][name]
        for name in (*FOREMOST, *about["parameters"])
        if name.startswith(("marginals.", "solver.")) and name in about["parameters"]
    }
    return f"run {about['run']} of {about.get('result', 'a result')}: {', '.join(f'{name}={value}' for name, value in known.items())}"


def attributes_of(array, path):
    """Of `attributes`, what a set can keep; "purified": {name: run_of}."""
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
    """{"labels", "clean", "attributes" or an attack's name: array} of .npz and .npy files."""
    arrays = {}
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
            arrays[name] = array
    return arrays


def wanted(names, chosen, path):
    for name in chosen or ():
        if name not in names:
            raise Unsuitable(f"{path}: no attack {name}; there are {', '.join(names)}")
    return chosen or list(names)


def to_set(
    paths, output, labels=None, dataset="", norm="unknown", epsilon=float("nan"), chosen=None
):
    """NumPy's files into barydef's format."""
    arrays = read_arrays(paths, labels)
    numbers, about = arrays.pop("labels", None), attributes_of(
        arrays.pop("attributes", None), paths[0]
    )
    if numbers is None:
        raise Unsuitable(f"{paths[0]}: no array named labels (or y, y_test); --labels names a file")
    if not arrays:
        raise Unsuitable(f"{paths[0]}: no images in it")
    for name in arrays.keys() - {CLEAN}:
        check_name(name)
    images = {name: planes_first(arrays[name], name) for name in wanted(arrays, chosen, paths[0])}
    usual = {"norm": norm, "epsilon": epsilon, "source": f"converted from {paths[0]}"}
    attacks = {
        name: {**usual, **about["attacks"].get(name, {})} for name in images if name != CLEAN
    }
    if CLEAN in images and CLEAN in about["purified"]:
        if PURIFIED_CLEAN in images:
            raise Unsuitable(f"{paths[0]}: a second array of {PURIFIED_CLEAN}")
        images[PURIFIED_CLEAN], attacks[PURIFIED_CLEAN] = images.pop(CLEAN), {
            "norm": "none",
            "epsilon": 0,
            "source": "clean images",
        }
        about["purified"][PURIFIED_CLEAN] = about["purified"][CLEAN]
    for name in attacks.keys() & about["purified"].keys():
        attacks[name]["source"] = f"{about['purified'][name]}; made from: {attacks[name]['source']}"
    write_set(
        output,
        numbers,
        images.get(CLEAN),
        {name: (images[name], *known.values()) for name, known in attacks.items()},
        dataset or about["dataset"],
    )


# ---- and back ----


def plain(value):
    """An attribute as JSON can hold it."""
    return (
        text(value)
        if isinstance(value, (bytes, str))
        else value.tolist()
        if hasattr(value, "tolist")
        else value
    )


def groups_of_set(path, file):
    groups = {name: group for name, group in file.get("attacks", {}).items()}
    if CLEAN in file:
        groups[CLEAN] = file[CLEAN]
    return groups, {"dataset": text(file.attrs.get("dataset", ""))}


def groups_of_result(path, run):
    result = Result(path)
    if run is None and len(result.runs) > 1:
        raise Unsuitable(
            f"{path}: {len(result.runs)} runs, {result.runs[0]} to {result.runs[-1]}; --run chooses one"
        )
    number = result.runs[0] if run is None else f"{run:03d}"
    if number not in result.runs:
        raise Unsuitable(
            f"{path}: no run {number}; there are {result.runs[0]} to {result.runs[-1]}"
        )
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


def arrays_of(path, labels, groups, about):
    """(name, array) one after the other, so that no more than one of them is in memory."""
    yield "labels", labels
    yield "attributes", np.array(json.dumps(about))
    for name, group in groups.items():
        with reading(path, "whole"):
            images = group["images"][:]
        yield name, images


def to_arrays(path, output, run=None, chosen=None):
    """A set in barydef's format, or the purified images of one run of a result, into an .npz with the same names."""
    with reading(path, "a set of attacked images or a result of barydef"), opened(path) as file:
        schema = text(file.attrs.get("schema", ""))
        if schema not in ("attacked-images", "barydef-result"):
            raise Unsuitable(f"{path}: neither a set of attacked images nor a result of barydef")
        if schema == "attacked-images" and run is not None:
            raise Unsuitable(f"{path}: a set of attacked images has no runs")
        groups, about = (
            groups_of_set(path, file)
            if schema == "attacked-images"
            else groups_of_result(path, run)
        )
        groups = {name: groups[name] for name in wanted(groups, chosen, path)}
        if "run" in about:
            about["purified"] = list(groups)
        for name, group in groups.items():
            if "images" not in group:
                raise Unsuitable(f"{path}: it holds no images of {name} (output.images = no)")
            if name != CLEAN and name.lower() in RESERVED:
                raise Unsuitable(
                    f"{path}: attack {name} would be taken for {RESERVED[name.lower()]} in an .npz; --attack chooses others"
                )
        known = {
            name: {key: plain(group.attrs[key]) for key in KINDS if key in group.attrs}
            for name, group in groups.items()
        }
        about["attacks"] = {
            name: {key: value for key, value in one.items() if value == value}
            for name, one in known.items()
            if name != CLEAN
        }
        with written(output) as temporary, zipfile.ZipFile(
            temporary, "w", zipfile.ZIP_DEFLATED
        ) as archive:
            for name, array in arrays_of(path, file["labels"][:], groups, about):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
