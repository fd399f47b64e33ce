"""Test images of a data set as torchvision keeps it, or of an .npz.

MNIST and Fashion-MNIST are folders of idx files, CIFAR-10 and -100 of Python batches. An .npz holds
`images` and `labels`, or whatever convert.py takes for clean images and labels."""

import codecs
import gzip
import os
import pickle
import struct

import numpy as np

from ..convert import attributes_of, read_arrays
from ..errors import Unsuitable
from ..files import reading
from ..formats import CLEAN
from ..set_file import check_labels, check_set, planes_first
from .presets import known

# MNIST and Fashion-MNIST have files of the same names and shapes. The first labels of their test
# images tell them apart.
FIRST = {"mnist": [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], "fashion_mnist": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]}


def told_by(labels):
    """The data set that these labels are known to begin, or None."""
    return next(
        (name for name, first in FIRST.items() if list(labels[: len(first)]) == first), None
    )


def read_idx(path):
    """Yann LeCun's format: a magic number, the shape, bytes."""
    unpacked = gzip.open if path.endswith(".gz") else open
    with reading(path, "an idx file of bytes"), unpacked(path, "rb") as file:
        data = file.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4]) if len(data) >= 4 else (1, 0, 0)
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank]) if len(data) >= 4 + 4 * rank else ()
    size = 4 + 4 * rank + int(np.prod(shape, dtype=object))
    if zero or kind != 8 or not shape or len(data) != size:
        raise Unsuitable(f"{path}: not an idx file of bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


class Arrays(pickle.Unpickler):
    """Lets through only what arrays are made of, as a pickle can run anything."""

    # numpy 2 has another name for it, and either may read what the other wrote.
    RECONSTRUCT = np.empty(0).__reduce__()[0]
    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
        ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): codecs.encode,
    }

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED:
            return self.ALLOWED[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_cifar(path, labels):
    """(images, labels) of a batch; `labels` is their key."""
    with reading(path, "a CIFAR batch"), open(path, "rb") as file:
        batch = Arrays(file, encoding="bytes").load()
        images = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32)
        return images, np.asarray(batch[labels], "i8")


def name_of(folder, parent):
    """The data set that a folder is named after.

    Of the folders from the given one down to its files, the last that names a set counts. Where
    none does, the set has the given folder's name."""
    given = os.path.basename(os.path.abspath(folder))
    parts = [given, *os.path.relpath(parent, folder).split(os.sep)]
    return next((known(part) for part in reversed(parts) if known(part)), given)


def first_of(names, files, parent):
    """The path of the first of these files that is there, packed or not, or None."""
    there = [one for name in names for one in (name, name + ".gz") if one in files]
    return os.path.join(parent, there[0]) if there else None


def idx_set(folder, parent, images, labels):
    """An entry of sets_below from a pair of idx files."""
    numbers = read_idx(labels)
    name = told_by(numbers) if numbers.ndim == 1 else None
    return (
        name or name_of(folder, parent),
        "by its labels" if name else "by its folder's name",
        parent,
        lambda: (planes_first(read_idx(images), images), numbers),
    )


def cifar_set(name, parent, batch, labels):
    """An entry of sets_below from a batch of CIFAR."""
    path = os.path.join(parent, batch)
    return name, "by its files", parent, lambda: read_cifar(path, labels)


def sets_below(folder):
    """(name, how it is told, where, function that reads (images, labels)) of sets in a folder."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        images, labels = (
            first_of((f"t10k-{kind}-ubyte", f"t10k-{kind.replace('-', '.')}-ubyte"), files, parent)
            for kind in ("images-idx3", "labels-idx1")
        )
        if images and labels:
            yield idx_set(folder, parent, images, labels)
        elif "test_batch" in files:
            yield cifar_set("cifar10", parent, "test_batch", b"labels")
        elif "test" in files and (
            "meta" in files or known(os.path.basename(os.path.abspath(parent))) == "cifar100"
        ):
            yield cifar_set("cifar100", parent, "test", b"fine_labels")


def read_npz(path):
    """(name, how it is told, images, labels)."""
    arrays, _ = read_arrays([path])
    images, labels = arrays.get(CLEAN), arrays.get("labels")
    if images is None or labels is None:
        raise Unsuitable(
            f"{path}: needs arrays named images and labels; it has {', '.join(arrays)}"
        )
    stated = attributes_of(arrays.get("attributes"), path)["dataset"]
    told = told_by(check_labels(labels, f"{path}: labels"))
    how = "by its attributes" if stated else "by its labels" if told else "by its file's name"
    name = stated or told or os.path.splitext(os.path.basename(path))[0]
    return name, how, planes_first(images, "images"), labels


def read_folder(folder, dataset):
    """(name, how it is told, images, labels) of the one set below a folder.

    Where there are several, `dataset` names one of them."""
    if not os.path.isdir(folder):
        raise Unsuitable(f"{folder}: neither a folder nor an .npz")
    found = list(sets_below(folder))
    named = [one for one in found if dataset and one[0] == (known(dataset) or dataset)]
    if not found:
        raise Unsuitable(f"{folder}: neither MNIST's idx files nor CIFAR's batches are below it")
    if not named and len({one[0] for one in found}) > 1:
        sets = ", ".join(f"{name} in {where}" for name, _, where, _ in found)
        raise Unsuitable(f"{folder}: {sets}; --dataset or its own folder chooses one")
    name, how, _, read_it = (named or found)[0]
    return name, how, *read_it()


def read(path, dataset=None):
    """(name, how it was told, images uint8 or float [n,C,H,W], labels [n]).

    `dataset` names the set, whatever it seems to be."""
    if os.path.isfile(path) and path.endswith(".npz"):
        name, how, images, labels = read_npz(path)
    else:
        name, how, images, labels = read_folder(path, dataset)
    labels = check_set(labels, {"images": images})
    if dataset:
        name, how = known(dataset) or dataset, "by --dataset"
    return name, how, images, labels
