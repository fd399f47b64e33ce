"""Attacks of src/attack on sets with a victim, by the program attack_images."""

import atexit
import functools
import os
import subprocess
from collections import namedtuple

import h5py
import numpy as np
import support

DATA = os.environ.get(
    "BARYDEF_DATA", os.path.join(os.path.dirname(support.SOURCE), "shared", "data")
)
PROGRAM = os.environ.get("BARYDEF_ATTACK_IMAGES") or os.path.join(
    os.path.dirname(support.PROGRAM), "tests", "attack_images"
)

Set = namedtuple("Set", "name victim images labels")
Attacked = namedtuple("Attacked", "images predicted forward backward seconds")


def load(name, limit=None):
    """The first images of a set, and the victim that goes with it.  Skips without them."""
    path = os.path.join(DATA, name + ".h5")
    victim = os.path.join(DATA, "victims", name + ".pt")
    for needed in path, victim:
        if not os.path.exists(needed):
            support.skip(f"{needed} is not there (BARYDEF_DATA names the folder of the sets)")
    support.need_victim()
    with h5py.File(path) as file:
        return Set(name, victim, file["clean/images"][:limit], file["labels"][:limit])


def stored(name, attack, limit=None):
    """The images of an attack that a set holds, and its epsilon."""
    with h5py.File(os.path.join(DATA, name + ".h5")) as file:
        group = file["attacks"][attack]
        return group["images"][:limit], float(group.attrs["epsilon"])


@functools.lru_cache(maxsize=None)
def server(victim, shape, batch):
    """A process that attacks images of this shape on this victim."""
    words = [PROGRAM, victim, batch, *shape]
    process = subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(process.communicate)
    return process


def attack(source, kind, norm, epsilon, loss="ce", steps=0, seed=0, batch=16):
    """Attack a set's images.  steps = 0 takes the default, epsilon = 0 the smallest distance."""
    x = np.ascontiguousarray(source.images, np.float32)
    process = server(source.victim, x.shape[1:], batch)
    line = f"{kind} {norm} {epsilon!r} {loss} {steps} {seed} {len(x)}\n".encode()
    process.stdin.write(line + np.asarray(source.labels, np.int32).tobytes() + x.tobytes())
    process.stdin.flush()
    columns, counts = [], (x.size, *[len(x)] * 3, 1)
    for dtype, count in zip((np.float32, np.int32, "i8", "i8", "f8"), counts):
        size = count * np.dtype(dtype).itemsize
        data = process.stdout.read(size)
        if len(data) < size:
            raise RuntimeError(f"{PROGRAM} ended with status {process.wait()}; see above")
        columns.append(np.frombuffer(data, dtype))
    return Attacked(columns[0].reshape(x.shape), *columns[1:4], float(columns[4][0]))


def distances(norm, images, others):
    """Of each image from its other, in float64."""
    difference = (images.astype(np.float64) - others).reshape(len(images), -1)
    return abs(difference).max(1) if norm == "linf" else np.sqrt((difference**2).sum(1))
