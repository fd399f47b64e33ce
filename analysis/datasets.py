"""Test images of a data set folder as torchvision keeps it: MNIST and Fashion-MNIST (idx files), CIFAR-10 and -100 (Python
batches); or of an .npz with `images` (or `clean`) and `labels`."""

import gzip
import os
import pickle
import struct

import numpy as np

from convert import Unsuitable, planes_first


def find(folder, *names):
    """The first of these files anywhere below the folder, with or without .gz."""
    for parent, _, files in sorted(os.walk(folder)):
        for name in names:
            for candidate in (name, name + ".gz"):
                if candidate in files:
                    return os.path.join(parent, candidate)
    return None


def read_idx(path):
    """Yann LeCun's format: a magic number, the shape, bytes."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4]) if len(data) >= 4 else (1, 0, 0)
    shape = struct.unpack(f">{rank}I", data[4:4 + 4 * rank]) if len(data) >= 4 + 4 * rank else ()
    if zero or kind != 8 or not shape or len(data) != 4 + 4 * rank + int(np.prod(shape, dtype=object)):
        raise Unsuitable(f"{path}: not an idx file of bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


class Arrays(pickle.Unpickler):
    """A pickle can run anything: only what arrays are made of is let through."""

    ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED:
            return super().find_class(module, name)
        raise Unsuitable(f"a pickle that asks for {module}.{name}: not a CIFAR batch")


def read_cifar(path, labels):
    with open(path, "rb") as file:
        batch = Arrays(file, encoding="bytes").load()
    return np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32), np.asarray(batch[labels], "i8")


def read(path):
    """(name, images uint8 or float [n,C,H,W], labels [n])."""
    if os.path.isfile(path) and path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as file:
            names = {name.lower(): name for name in file.files}
            images = next((file[names[name]] for name in ("images", "clean", "x", "x_test") if name in names), None)
            labels = next((file[names[name]] for name in ("labels", "y", "y_test") if name in names), None)
        if images is None or labels is None:
            raise Unsuitable(f"{path}: needs arrays named images and labels; it has {', '.join(names.values())}")
        return os.path.splitext(os.path.basename(path))[0], planes_first(images, "images"), labels.astype("i8")
    images, labels = find(path, "t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"), find(path, "t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte")
    if images and labels:
        return "fashion_mnist" if "fashion" in images.lower() else "mnist", read_idx(images)[:, None], read_idx(labels).astype("i8")
    if find(path, "test_batch"):
        return "cifar10", *read_cifar(find(path, "test_batch"), b"labels")
    if find(path, "test"):
        return "cifar100", *read_cifar(find(path, "test"), b"fine_labels")
    raise Unsuitable(f"{path}: neither MNIST's idx files nor CIFAR's batches are below it")
