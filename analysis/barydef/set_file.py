"""Sets of attacked images in barydef's format, what its reader accepts, and how one is written.

The checks are those of src/storage/set and src/text.c, so that nothing is written that barydef
would refuse."""

from collections import namedtuple

import numpy as np

from .errors import Unsuitable
from .files import written
from .formats import (
    ATTACKS_MAX,
    CLEAN,
    INPUT_SCHEMA,
    NAME_BYTES,
    SCHEMA_VERSION,
    SIZES_MAX,
    TEXT_BYTES,
)
from .hdf5 import open_file
from .pixels import channels_first, to_pixels
from .text import UNCLEAN

CHUNK_BYTES = 4 << 20  # which any run.max_memory can hold
CHUNK_IMAGES = 64

# A group of a set. What the attacker knew is empty where it is not known, or the bare classifier.
Attacked = namedtuple("Attacked", "images norm epsilon source through gradient purifier")
Attacked.__new__.__defaults__ = ("", "", "")


def fault_of(name):
    """What is wrong with the name of an attack; "" where nothing is."""
    if not name:
        return "is empty"
    if UNCLEAN.search(name) or "\n" in name:
        return "has control characters or is not UTF-8"
    if len(name.encode()) > NAME_BYTES:
        return f"is longer than {NAME_BYTES} bytes"
    if "/" in name or name == ".":
        return "has a slash or is a dot, which HDF5 takes for a path"
    return "is kept for the images without attack" if name == CLEAN else ""


def check_name(name):
    if fault_of(name):
        raise Unsuitable(f"the name of attack {ascii(name[:80])} {fault_of(name)}")


def is_one_hot(labels):
    return labels.dtype.kind in "biuf" and bool(
        np.all(((labels == 1).sum(1) == 1) & ((labels == 0).sum(1) == labels.shape[1] - 1))
    )


def check_labels(labels, what="labels"):
    """int64 [n], of whole numbers [n], [n,1] (Keras' CIFAR-10) or [1,n] (MATLAB), or one-hot rows.

    `what` is what messages call them."""
    if labels.ndim == 2 and labels.shape[0] == 1 and labels.shape[1] > 1:
        labels = labels.T
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not is_one_hot(labels):
            raise Unsuitable(
                f"{what}: of shape {labels.shape}: "
                "where these are one-hot, labels.argmax(1) is what is needed"
            )
        labels = labels.argmax(1)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "f" and np.all(np.abs(labels) <= 2**53) and np.all(labels % 1 == 0):
        labels = labels.astype("i8")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        flat = ".ravel()" if labels.ndim > 1 else ""
        raise Unsuitable(
            f"{what}: {labels.dtype} {labels.shape}; integers [n] are needed: "
            f"save labels{flat}.astype(int)"
        )
    if len(labels) == 0:
        raise Unsuitable(f"{what}: there are none")
    if int(labels.max()) > np.iinfo("i8").max:
        raise Unsuitable(f"{what}: {labels.max()} is too large")
    return labels.astype("i8")


def size_of(images):
    return " x ".join(map(str, images.shape[1:]))


def check_set(labels, groups):
    """The labels as int64. Each of groups {name: images} must agree with them and the others."""
    labels = check_labels(labels)
    if not groups or len(groups) > ATTACKS_MAX:
        raise Unsuitable(f"{len(groups)} attacks; from 1 to {ATTACKS_MAX} can be written")
    first = next(iter(groups))
    for name, images in groups.items():
        size, other = size_of(images), size_of(groups[first])
        if len(images) != len(labels):
            raise Unsuitable(f"{name}: {len(images)} images, but {len(labels)} labels")
        if size != other:
            raise Unsuitable(
                f"{name}: images of {size} (channels, height, width), "
                f"but those of {first} are of {other}"
            )
        if not all(1 <= one <= most for one, most in zip(images.shape[1:], SIZES_MAX)):
            channels, height, width = SIZES_MAX
            raise Unsuitable(
                f"{name}: images of {size}; "
                f"up to {channels} channels of {height} x {width} can be purified"
            )
    return labels


def planes_first(images, name):
    """Pixels [n,C,H,W] in [0,1] of images that are [n,C,H,W], [n,H,W,C] or [n,H,W]."""
    return to_pixels(channels_first(images, name), name)[0]


def attributes_of(attacked):
    """The attributes of a group."""
    texts = {"source": attacked.source}
    for name in "through", "gradient", "purifier":
        if getattr(attacked, name):
            texts[name] = getattr(attacked, name)
    cut = {name: one.encode()[:TEXT_BYTES].decode(errors="ignore") for name, one in texts.items()}
    return {"norm": attacked.norm, "epsilon": float(attacked.epsilon), **cut}


def write_set(path, labels, clean, attacks, dataset, told=None, layout=""):
    """Write a set. attacks: {name: an Attacked, or what makes one}; clean: images or None.

    `told` is {name: {attribute: value}} of what else a group says. `layout` says that the axes are
    right where barydef would doubt it."""
    for name in attacks:
        check_name(name)
    groups = {f"attacks/{name}": Attacked(*entry) for name, entry in attacks.items()}
    if clean is not None:
        groups[CLEAN] = Attacked(clean, None, None, None)
    labels = check_set(labels, {group.split("/")[-1]: one.images for group, one in groups.items()})
    with written(path) as temporary, open_file(temporary, "w") as file:
        file.attrs.update(schema=INPUT_SCHEMA, schema_version=SCHEMA_VERSION, dataset=dataset)
        if layout:
            file.attrs["layout"] = layout
        file["labels"] = labels
        for group, attacked in groups.items():
            images = attacked.images
            fitting = CHUNK_BYTES // (images[0].size * images.itemsize)
            count = max(1, min(len(images), CHUNK_IMAGES, fitting))
            file.create_dataset(
                f"{group}/images",
                data=images,
                chunks=(count, *images.shape[1:]),
                compression="gzip",
                shuffle=True,
            )
            if attacked.norm is not None:
                file[group].attrs.update(attributes_of(attacked))
                file[group].attrs.update((told or {}).get(group.split("/")[-1], {}))
