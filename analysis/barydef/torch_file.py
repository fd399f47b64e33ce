"""Tensors of torch.save, read without torch and without running anything in the file.

Such a file is a pickle, which may call any function. Here a pickle may call only what makes
tensors, NumPy's arrays and plain containers; all else is refused by name."""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np

try:
    from numpy._core import multiarray
except ImportError:  # before NumPy 2
    from numpy.core import multiarray

from .errors import Unsuitable

# The types of storages. bfloat16 is the upper half of a float32.
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
MAGIC = 0x1950A86A20F9469CFC6C  # of the form before PyTorch 1.6


class Storage:
    """The bytes of a storage, which the old form has behind its pickles."""

    def __init__(self, kind, data=None):
        self.kind, self.data = kind, data

    def array(self):
        if self.kind != "bfloat16":
            return np.frombuffer(self.data, self.kind)
        return (np.frombuffer(self.data, "<u2").astype("<u4") << 16).view("<f4")


class Tensor:
    """A tensor whose storage may not be there yet."""

    def __init__(self, storage, offset, size, stride):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self):
        flat = self.storage.array()
        reach = self.offset + sum(
            (length - 1) * step for length, step in zip(self.size, self.stride)
        )
        whole = (self.offset, *self.size, *self.stride)
        if min(whole, default=0) < 0 or (0 not in self.size and reach >= len(flat)):
            raise ValueError("a tensor reaches beyond its storage")
        steps = [step * flat.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.size, steps).copy()


def rebuild_tensor(storage, offset, size, stride, *_):
    return Tensor(storage, offset, tuple(size), tuple(stride))


ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *_: None,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, encoding: text.encode("latin1"),
    **{
        (f"numpy.{core}.multiarray", name): getattr(multiarray, name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
}


class Reader(pickle.Unpickler):
    """A pickle that may make nothing but what is allowed."""

    def __init__(self, file, storage_of, path):
        super().__init__(file, encoding="latin1")
        self.storage_of, self.path = storage_of, path

    def find_class(self, module, name):
        if module in ("torch", "torch.cuda") and name in STORAGES:
            return STORAGES[name]
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        raise Unsuitable(
            f"{self.path}: holds {module}.{name}; only tensors and arrays in lists, tuples and "
            "dictionaries are read, since nothing in a file is run: torch.save or numpy.savez those"
        )

    def persistent_load(self, key):
        return self.storage_of(key)


def read_zip(path):
    """The form since PyTorch 1.6: an archive with data.pkl and a file for each storage."""
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Unsuitable(
                f"{path}: an archive without data.pkl, which torch.save does not write"
            )
        folder = pickles[0][: -len("data.pkl")]
        if f"{folder}constants.pkl" in archive.namelist():
            raise Unsuitable(
                f"{path}: a TorchScript module, not tensors: it is a victim, not a set"
            )
        order = f"{folder}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise Unsuitable(f"{path}: of a big-endian machine; save it with numpy.savez")
        stored = {}

        def storage_of(key):
            _, kind, name, *_ = key
            if name not in stored:
                stored[name] = Storage(kind, archive.read(f"{folder}data/{name}"))
            return stored[name]

        return Reader(io.BytesIO(archive.read(pickles[0])), storage_of, path).load()


def read_old(path):
    """The form before: five pickles, then each storage with its length."""
    stored = {}

    def storage_of(key):
        _, kind, name, *_ = key
        return stored.setdefault(name, Storage(kind))

    with open(path, "rb") as file:

        def load():
            return Reader(file, storage_of, path).load()

        if load() != MAGIC:
            raise Unsuitable(f"{path}: not a file of torch.save")
        for _ in range(2):  # the form's number, and sizes of C's types
            load()
        found = load()
        for name in load():
            (count,) = struct.unpack("<q", file.read(8))
            width = 2 if stored[name].kind == "bfloat16" else np.dtype(stored[name].kind).itemsize
            stored[name].data = file.read(count * width)
    return found


def flattened(found, name):
    """(name, value) of all that lies in containers, with a slash between names."""
    if isinstance(found, Tensor):
        yield name, found.array()
    elif isinstance(found, dict):
        for key, value in found.items():
            yield from flattened(value, f"{name}/{key}" if name else str(key))
    elif isinstance(found, (list, tuple)):
        if found and all(isinstance(one, (int, float)) for one in found):
            yield name, np.array(found)
            return
        for number, value in enumerate(found):
            yield from flattened(value, f"{name}/{number}" if name else str(number))
    elif found is not None:
        yield name, np.asarray(found)


def is_torch_file(path):
    """By content: an archive with data.pkl, or the magic number."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    with open(path, "rb") as file:
        return MAGIC.to_bytes(10, "little") in file.read(32)


def read(path):
    """{name: array} of a file of torch.save; a single tensor is named by the file."""
    whole = read_zip(path) if zipfile.is_zipfile(path) else read_old(path)
    stem = os.path.splitext(os.path.basename(path))[0]
    if isinstance(whole, (Tensor, np.ndarray)):
        return dict(flattened(whole, stem))
    found = dict(flattened(whole, ""))
    return named_by_kind(found, stem) if isinstance(whole, (list, tuple)) else found


def named_by_kind(found, stem):
    """The arrays of a tuple, which have no names: the one of integers is the labels."""
    images = [name for name, array in found.items() if array.ndim > 2]
    labels = [name for name, array in found.items() if array.ndim == 1 and array.dtype.kind in "iu"]
    names = {name: stem if len(images) == 1 else f"{stem}_{name}" for name in images}
    if len(labels) == 1:
        names[labels[0]] = "labels"
    return {names.get(name, f"{stem}_{name}"): array for name, array in found.items()}
