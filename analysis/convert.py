"""Sets of attacked images between NumPy's files and barydef's format.

An .npz holds `labels`, optionally `clean`, and an array for each attack; the images [n,C,H,W] or [n,H,W,C] (told apart by
which axis has 1 or 3), float in [0,1] or uint8.  Its names become the names of the attacks: the form in which sets made with
Foolbox, ART or RobustBench are kept."""

import json
import os

import h5py
import numpy as np

RESERVED = {"labels": "labels", "y": "labels", "clean": "clean", "x_clean": "clean"}


class Unsuitable(Exception):
    """The arrays are no set of images."""


def planes_first(images, name):
    """[n,C,H,W] of what is [n,C,H,W], [n,H,W,C] or [n,H,W]."""
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise Unsuitable(f"{name}: images of shape {images.shape}; [n,C,H,W], [n,H,W,C] or [n,H,W] can be read")
    if images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.dtype == np.float16:
        images = images.astype("f4")
    if images.dtype not in (np.uint8, np.float32, np.float64):
        raise Unsuitable(f"{name}: {images.dtype}; uint8, float32 or float64 can be read")
    if images.dtype != np.uint8 and images.size and (np.nanmin(images) < 0 or np.nanmax(images) > 1 + 1e-6):
        raise Unsuitable(f"{name}: values from {np.nanmin(images):g} to {np.nanmax(images):g}; floats must be in [0,1]")
    return images


def write_set(path, labels, clean, attacks, dataset, **storage):
    """attacks: {name: (images, norm, epsilon, source)}.  The file appears whole or not at all."""
    temporary = f"{path}.{os.getpid()}.tmp"
    storage = storage or {"compression": "gzip", "shuffle": True}
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(schema="attacked-images", schema_version=1, dataset=dataset)
            file["labels"] = np.asarray(labels, "i8")
            groups = {f"attacks/{name}": entry for name, entry in attacks.items()}
            if clean is not None:
                groups["clean"] = (clean, None, None, None)
            for group, (images, norm, epsilon, source) in groups.items():
                file.create_dataset(f"{group}/images", data=images, chunks=(min(len(images), 64), *images.shape[1:]), **storage)
                if norm is not None:
                    file[group].attrs.update(norm=norm, epsilon=float(epsilon), source=source)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def read_arrays(paths, labels):
    """(labels, clean, {attack: images}) of one .npz, or of .npy files named by their attacks."""
    arrays = {}
    for path in paths:
        if path.endswith(".npz"):
            with np.load(path, allow_pickle=False) as file:
                arrays.update({name: file[name] for name in file.files})
        else:
            arrays[os.path.splitext(os.path.basename(path))[0]] = np.load(path, allow_pickle=False)
    if labels:
        arrays["labels"] = np.load(labels, allow_pickle=False)
    found = {"labels": None, "clean": None}
    for name in list(arrays):
        if name.lower() in RESERVED and name != "norms":
            found[RESERVED[name.lower()]] = arrays.pop(name)
    extra = arrays.pop("attributes", None)
    return found["labels"], found["clean"], arrays, json.loads(str(extra)) if extra is not None else {}


def to_set(paths, output, labels=None, dataset="", norm="unknown", epsilon=float("nan")):
    """NumPy's files into barydef's format."""
    numbers, clean, arrays, attributes = read_arrays(paths, labels)
    if numbers is None:
        raise Unsuitable(f"{paths[0]}: no array named labels (or y); --labels names a file")
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise Unsuitable(f"labels: {numbers.dtype} {numbers.shape}; integers [n] are needed")
    clean = planes_first(clean, "clean") if clean is not None else None
    attacks = {}
    for name, images in arrays.items():
        own = attributes.get(name, {})
        attacks[name] = (planes_first(images, name), own.get("norm", norm), own.get("epsilon", epsilon), own.get("source", f"converted from {paths[0]}"))
    for name, images in [(name, entry[0]) for name, entry in attacks.items()] + ([("clean", clean)] if clean is not None else []):
        if len(images) != len(numbers):
            raise Unsuitable(f"{name}: {len(images)} images, but {len(numbers)} labels")
    if not attacks and clean is None:
        raise Unsuitable(f"{paths[0]}: no images in it")
    write_set(output, numbers, clean, attacks, dataset or attributes.get("dataset", ""))


def to_arrays(path, output):
    """A set in barydef's format, or the purified images of a result's run 000, into an .npz with the same names."""
    with h5py.File(path, "r") as file:
        schema = file.attrs.get("schema", b"")
        schema = schema.decode() if isinstance(schema, bytes) else schema
        arrays, attributes = {"labels": file["labels"][:]}, {}
        if schema == "attacked-images":
            attributes["dataset"] = str(file.attrs.get("dataset", ""))
            if "clean" in file:
                arrays["clean"] = file["clean/images"][:]
            for name, group in file.get("attacks", {}).items():
                arrays[name] = group["images"][:]
                attributes[name] = {key: value.decode() if isinstance(value, bytes) else float(value) if key == "epsilon" else str(value)
                                    for key, value in group.attrs.items()}
        elif schema == "barydef-result":
            for name, group in file["runs/000"].items():
                if "images" not in group:
                    raise Unsuitable(f"{path}: it holds no images (output.images = no)")
                arrays[name] = group["images"][:]
        else:
            raise Unsuitable(f"{path}: neither a set of attacked images nor a result of barydef")
    temporary = f"{output}.{os.getpid()}.tmp.npz"
    try:
        np.savez_compressed(temporary, attributes=json.dumps(attributes), **arrays)
        os.replace(temporary, output)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
