"""Test images of a data set folder as torchvision keeps it: MNIST and Fashion-MNIST (idx files), CIFAR-10 and -100 (Python
batches); or of an .npz with `images` and `labels`, or what else convert.py takes for clean images and labels."""

import gzip
import os
import pickle
import struct

import numpy as np

from convert import attributes_of, check_labels, check_set, planes_first, read_arrays
from files import Unsuitable, reading
from presets import known
from result import CLEAN

# MNIST and Fashion-MNIST have files of the same names and shapes: the first labels of their test images tell them apart.
FIRST = {"mnist": [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], "fashion_mnist": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]}


def told_by(labels):
    return next(
        (name for name, first in FIRST.items() if list(labels[: len(first)]) == first), None
    )


def read_idx(path):
    """Yann LeCun's format: a magic number, the shape, bytes."""
    with reading(path, "an idx file of bytes"), (gzip.open if path.endswith(".gz") else open)(
        path, "rb"
    ) as file:
        data = file.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4]) if len(data) >= 4 else (1, 0, 0)
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank]) if len(data) >= 4 + 4 * rank else ()
    if (
        zero
        or kind != 8
        or not shape
        or len(data) != 4 + 4 * rank + int(np.prod(shape, dtype=object))
    ):
        raise Unsuitable(f"{path}: not an idx file of bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


class Arrays(pickle.Unpickler):
    """A pickle can run anything: only what arrays are made of is let through."""

    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_cifar(path, labels):
    with reading(path, "a CIFAR batch"), open(path, "rb") as file:
        batch = Arrays(file, encoding="bytes").load()
        return np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32), np.asarray(
            batch[labels], "i8"
        )


def name_of(folder, parent):
    """The data set that a folder is named after: of those from the given one down to where its files are, the last; else the
    given one's name."""
    given = os.path.basename(os.path.abspath(folder))
    parts = [given, *os.path.relpath(parent, folder).split(os.sep)]
    return next((known(part) for part in reversed(parts) if known(part)), given)


def sets_below(folder):
    """(name, how it is told, where, function that reads (images, labels)) of the sets below a folder."""
    for parent, folders, files in os.walk(folder):
        folders.sort()

        def there(*names):
            return next(
                (
                    os.path.join(parent, one)
                    for name in names
                    for one in (name, name + ".gz")
                    if one in files
                ),
                None,
            )

        images, labels = there("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"), there(
            "t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"
        )
        if images and labels:
            numbers = read_idx(labels)
            name = told_by(numbers) if numbers.ndim == 1 else None
            yield (
                name or name_of(folder, parent),
                "by its labels" if name else "by its folder's name",
                parent,
                lambda images=images, numbers=numbers: (
                    planes_first(read_idx(images), images),
                    numbers,
                ),
            )
        elif "test_batch" in files:
            yield "cifar10", "by its files", parent, lambda path=os.path.join(
                parent, "test_batch"
            ): read_cifar(path, b"labels")
        elif "test" in files and (
            "meta" in files or known(os.path.basename(os.path.abspath(parent))) == "cifar100"
        ):
            yield "cifar100", "by its files", parent, lambda path=os.path.join(
                parent, "test"
            ): read_cifar(path, b"fine_labels")


def read_npz(path):
    arrays = read_arrays([path])
    images, labels = arrays.get(CLEAN), arrays.get("labels")
    if images is None or labels is None:
        raise Unsuitable(
            f"{path}: needs arrays named images and labels; it has {', '.join(arrays)}"
        )
    stated, told = attributes_of(arrays.get("attributes"), path)["dataset"], told_by(
        check_labels(labels)
    )
    how = "by its attributes" if stated else "by its labels" if told else "by its file's name"
    return (
        stated or told or os.path.splitext(os.path.basename(path))[0],
        how,
        planes_first(images, "images"),
        labels,
    )


def read_folder(folder, dataset):
    """The one set below it; of several the one that `dataset` names."""
    if not os.path.isdir(folder):
        raise Unsuitable(f"{folder}: neither a folder nor an .npz")
    found = list(sets_below(folder))
    named = [one for one in found if dataset and one[0] == (known(dataset) or dataset)]
    if not found:
        raise Unsuitable(f"{folder}: neither MNIST's idx files nor CIFAR's batches are below it")
    if not named and len({one[0] for one in found}) > 1:
        raise Unsuitable(
            f"{folder}: {', '.join(f'{name} in {where}' for name, _, where, _ in found)}; --dataset or its own folder chooses one"
        )
    name, how, _, read_it = (named or found)[0]
    return name, how, *read_it()


def read(path, dataset=None):
    """(name, how it was told, images uint8 or float [n,C,H,W], labels [n]); `dataset` names it whatever it seems to be."""
    name, how, images, labels = (
        read_npz(path)
        if os.path.isfile(path) and path.endswith(".npz")
        else read_folder(path, dataset)
    )
    labels = check_set(labels, {"images": images})
    return (
        (known(dataset) or dataset, "by --dataset", images, labels)
        if dataset
        else (name, how, images, labels)
    )
