"""Arrays in the files that people have: NumPy's, HDF5 of any layout, MATLAB's, PyTorch's, folders.

Each array comes with the name that it has there, and the file."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from . import torch_file
from .errors import Unsuitable, way_out
from .files import reading
from .formats import INPUT_SCHEMA, RESULT_SCHEMA
from .hdf5 import open_file, refuse_other_files
from .text import as_stored, text

SUFFIXES = (".npz", ".npy", ".h5", ".hdf5", ".mat", ".nc", ".pt", ".pth")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".webp")
MATLAB = b"MATLAB 7.3 MAT-file"


@dataclass
class Source:
    """An array, what it is called, which file it is from, and what that says of it."""

    name: str
    array: Any
    path: str
    is_reversed: bool = False  # the axes are those of MATLAB, which counts from the other end
    is_hdf5: bool = False
    is_attack: bool = False  # the file says that it is one, whatever its name
    told: dict = field(default_factory=dict)  # norm, epsilon, source


@dataclass
class Contents:
    """What a file holds: its arrays, and what it says of all of them."""

    arrays: list
    dataset: str = ""


# ---- HDF5 ----


def number_of(value):
    """A number of an attribute: of any width, in an array of one element, or a text like 8/255."""
    if isinstance(value, (bytes, str)):
        above, _, below = as_stored(value).strip().partition("/")
        return float(above) / float(below or 1)
    return float(np.asarray(value).item())


def norm_of(value):
    """A norm as barydef names it (src/storage/set/survey_attributes_child.c)."""
    if not isinstance(value, (bytes, str)):
        number = number_of(value)
        return "linf" if number == np.inf else f"l{number:g}"
    name = text(value).strip()
    rest = name.lower().lstrip("l").lstrip("_-")
    if rest in ("inf", "infinity", "np.inf", "numpy.inf", "\u221e"):
        return "linf"
    return f"l{rest}" if rest in ("0", "1", "2") else name


KINDS = {
    "norm": norm_of,
    "epsilon": number_of,
    "source": text,
    **dict.fromkeys(("through", "gradient", "purifier"), as_stored),
}


def told_of(attributes, where):
    """What attributes say of an attack."""
    told = {}
    for key, kind in KINDS.items():
        if key in attributes:
            try:
                told[key] = kind(attributes[key])
            except (TypeError, ValueError, ZeroDivisionError):
                raise Unsuitable(
                    f"{where}: attribute {key} cannot be read: {str(attributes[key])[:60]!r}"
                ) from None
    return told


def name_of(path):
    """What a dataset of a file is called, without what every name has."""
    parts = [part for part in path.split("/") if part]
    if parts[0] in ("attacks", "attack", "adversarial") and len(parts) > 1:
        parts = parts[1:]
    if parts[-1] in ("images", "data", "x") and len(parts) > 1:
        parts = parts[:-1]
    return "_".join(parts)


LABELS = ("labels", "label", "y", "y_test", "targets", "target")


def labels_of(datasets):
    """The dataset that is called like labels, and lies higher than all others that are."""
    found = [one for one in datasets if one.name.rpartition("/")[2].lower() in LABELS]
    depths = [one.name.count("/") for one in found]
    return found[depths.index(min(depths))] if depths and depths.count(min(depths)) == 1 else None


def load_filters():
    """Let HDF5 know the filters that Python packages bring. Those on HDF5's own path it knows."""
    for package in "hdf5plugin", "tables":
        with contextlib.suppress(Exception):
            __import__(package)


def check_filters(dataset, where):
    plan = dataset.id.get_create_plist()
    for number in range(plan.get_nfilters()):
        code, _, _, name = plan.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            load_filters()
        if not h5py.h5z.filter_avail(code):
            raise Unsuitable(
                f"{where}: compressed by filter {code} ({text(name)}), which is not installed: "
                "hdf5plugin (pip) or python3-tables (Debian) has many"
            )


def is_scale(dataset):
    return as_stored(dataset.attrs.get("CLASS", "")) == "DIMENSION_SCALE"


def datasets_of(file):
    """Every dataset of numbers, by its path, each once."""
    found, seen = [], set()

    def visit(group, depth):
        for name, item in group.items():
            place = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Group) and place not in seen and depth < 8:
                seen.add(place)
                visit(item, depth + 1)
            elif isinstance(item, h5py.Dataset) and not is_scale(item):
                found.append(item)

    visit(file, 0)
    return found


def read_hdf5(path):
    """The datasets of a file, read. Links and storage elsewhere are refused, as by barydef."""
    with open(path, "rb") as start:
        is_matlab = start.read(len(MATLAB)) == MATLAB
    with open_file(path) as file:
        refuse_other_files(file, path)
        schema = text(file.attrs.get("schema", ""))
        if schema == RESULT_SCHEMA:
            raise Unsuitable(
                f"{path}: a result of barydef: convert a run of it to an .npz, and that to a set"
            )
        arrays, datasets = [], datasets_of(file)
        labels = labels_of(datasets)
        for dataset in datasets:
            where = f"{path}: {dataset.name}"
            if dataset.dtype.kind not in "biufOSU" or dataset.name.startswith("/#refs#"):
                continue
            check_filters(dataset, where)
            told = {**told_of(dataset.parent.attrs, where), **told_of(dataset.attrs, where)}
            is_reversed = is_matlab or "MATLAB_class" in dataset.attrs
            is_attack = schema == INPUT_SCHEMA and dataset.name.startswith("/attacks/")
            name = "labels" if dataset == labels else name_of(dataset.name)
            arrays.append(Source(name, dataset[()], path, is_reversed, True, is_attack, told))
        return Contents(
            arrays, text(file.attrs.get("dataset", "")) if schema == INPUT_SCHEMA else ""
        )


# ---- other files ----


def read_numpy(path):
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        name = os.path.splitext(os.path.basename(path))[0]
        return Contents([Source(name, found, path)])
    with found:
        return Contents([Source(name, found[name], path) for name in found.files])


def read_torch(path):
    return Contents([Source(name, array, path) for name, array in torch_file.read(path).items()])


def read_matlab(path):
    """A MAT-file before 7.3, which is no HDF5."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as problem:
        raise Unsuitable(way_out(problem)) from None
    found = loadmat(path)
    return Contents(
        [Source(name, value, path) for name, value in found.items() if not name.startswith("__")]
    )


def class_numbers(names):
    """{folder: label}: the numbers that the names are, or their places in the alphabet."""
    if all(name.isdecimal() for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(sorted(names))}


def read_folder(path):
    """Pictures in a folder for each class, as torchvision's ImageFolder has them."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise Unsuitable("install python3-pil (Debian) or pillow (pip) to read pictures") from None
    classes = class_numbers(
        [name for name in os.listdir(path) if os.path.isdir(os.path.join(path, name))]
    )
    images, labels, first = [], [], None
    for folder in sorted(classes, key=classes.get):
        for name in sorted(os.listdir(os.path.join(path, folder))):
            if not name.lower().endswith(PICTURES):
                continue
            place = os.path.join(path, folder, name)
            with reading(place, "a picture"), Image.open(place) as picture:
                grey = picture.mode in ("1", "L", "LA", "I", "I;16", "F")
                if picture.mode.startswith("I") or picture.mode == "F":
                    raise Unsuitable(f"{place}: of more than 8 bits; save it as 8 bits or as .npy")
                image = np.asarray(picture.convert("L" if grey else "RGB"))
            image = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
            first = first or (place, image.shape)
            if image.shape != first[1]:
                raise Unsuitable(
                    f"{place}: a picture of {image.shape} (channels, height, width), but "
                    f"{first[0]} is of {first[1]}: make them all alike first"
                )
            images.append(image)
            labels.append(classes[folder])
    if not images:
        raise Unsuitable(f"{path}: no pictures in folders of their classes, such as {path}/3/1.png")
    stem = os.path.basename(os.path.normpath(path))
    return Contents(
        [Source(stem, np.stack(images), path), Source("labels", np.array(labels), path)]
    )


def read(path):
    """The Contents of a file or folder, by what is in it."""
    if os.path.isdir(path):
        return read_folder(path)
    with reading(path, "a file of numbers that can be read"):
        if h5py.is_hdf5(path):
            return read_hdf5(path)
        if path.lower().endswith((".h5", ".hdf5", ".nc")):
            raise Unsuitable(f"{path}: not an HDF5 file, or damaged (file signature not found)")
        if torch_file.is_torch_file(path):
            return read_torch(path)
        if path.lower().endswith(".mat"):
            return read_matlab(path)
        return read_numpy(path)
