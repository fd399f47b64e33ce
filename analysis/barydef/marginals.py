"""Marginals of an image for pictures, by scipy and with the motions of src/transport/marginal.c."""

import re

import numpy as np

SETS = {
    "B4": "identity + rotate 2 + rotate -2 + translate 3 0",
    "B6": "identity + rotate 2 + rotate -2 + rotate 3 + rotate -3 + translate 3 0",
}


def positions(term, y, x):
    """Where a motion takes each pixel (y, x) of its copy from."""
    kind, *numbers = term.split()
    if kind == "rotate":
        cy, cx = y.max() / 2, x.max() / 2
        c, s = np.cos(np.radians(float(numbers[0]))), np.sin(np.radians(float(numbers[0])))
        return cy + s * (x - cx) + c * (y - cy), cx + c * (x - cx) - s * (y - cy)
    if kind == "translate":
        return y - float(numbers[1]), x - float(numbers[0])
    return y, x


def marginals(image, motions, interpolation="bilinear"):
    """[N,C,H,W] moved copies of an image [C,H,W], which is zero outside."""
    from scipy.ndimage import map_coordinates

    y, x = (axis.astype(float) for axis in np.indices(image.shape[1:]))
    # With a border of zeros the image fades out as it does in the program.
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    moved = []
    for term in re.split(r"\s*\+\s+", SETS.get(motions, motions).strip()):
        at = positions(term, y, x)
        if interpolation == "nearest":
            at = tuple(np.floor(part + 0.5) for part in at)
        at = [part + 1 for part in at]
        moved.append([map_coordinates(one, at, order=1, mode="constant", cval=0) for one in padded])
    return np.array(moved)


def mean_of_marginals(image, motions, interpolation="bilinear", joint=False):
    """The mean of the marginals, scaled to the mass of the image and clipped to [0,1].

    The mass is that of each channel, or with `joint` that of all channels together."""
    moved, axes = marginals(image, motions, interpolation), (-3, -2, -1) if joint else (-2, -1)
    mass = np.maximum(moved.sum(axes, keepdims=True), 1e-300)
    return np.clip((moved / mass * image.sum(axes, keepdims=True)).mean(0), 0, 1)
