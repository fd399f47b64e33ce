"""What arrays of images mean: their axes, and the scale of their values.

The rules for axes are those of src/storage/set/survey_check.c, which refuses what is in doubt."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from .errors import Unsuitable

ROUNDING = 1e-6  # BD_ABOVE_ONE_MAX, by which barydef clips
LAYOUTS = ("nchw", "nhwc")


def looks_transposed(shape):
    """Would barydef take [n,C,H,W] of this shape for [n,H,W,C]?"""
    _, first, second, last = shape
    return (
        first > last and second > last and (last in (1, 3, 4) or (last <= 16 and first == second))
    )


def layout_of(shape, name, layout=None):
    """The layout of four axes: as told, or as their lengths say. In doubt they are refused."""
    if layout:
        return layout
    _, first, second, last = shape
    if first not in (1, 3) and last in (1, 3):
        return "nhwc"
    if first in (1, 3) or not (last < first and last < second):
        return "nchw"
    raise Unsuitable(
        f"{name}: images of shape {tuple(shape)} may be [n,C,H,W] or [n,H,W,C]: "
        "--layout nhwc or --layout nchw says which"
    )


@dataclass(frozen=True)
class Scale:
    """How values become pixels in [0,1]: (x * deviation + mean - low) / (high - low), clipped."""

    low: float = 0.0
    high: Optional[float] = None  # 1 of floats, 255 of uint8
    mean: Optional[tuple] = None  # a number, or one for each channel
    deviation: Optional[tuple] = None
    clip: bool = False

    def is_told(self):
        return self != Scale(clip=self.clip)


def per_channel(values, images, what, name):
    if len(values) not in (1, images.shape[1]):
        raise Unsuitable(
            f"{name}: {what} has {len(values)} numbers, but images have {images.shape[1]} channels"
        )
    return np.asarray(values).reshape(1, -1, 1, 1)


def advice(low, high):
    """Which option makes values of this range pixels."""
    if low >= -ROUNDING and high > 2.5:
        return f"--scale {255 if high <= 255.5 else 65535 if high <= 65535.5 else high:g}"
    if -0.55 <= low < -0.2 and high <= 0.55:
        return "--range -0.5 0.5"
    if -1.1 <= low < -0.55 and high <= 1.1:
        return "--range -1 1"
    if low >= -0.2 and high <= 1.2:
        return "--clip"
    return "--mean M,... with --std S,... for standardised ones, or --scale or --range"


def check_brightness(images, name):
    """Refuse images of a second division by 255, or cut to integers, as barydef does."""
    high = np.fmax.reduce(images, None) / (255 if images.dtype == np.uint8 else 1)
    if len(images) >= 4 and 0 < high <= (1 + ROUNDING) / 255:
        way = (
            "--scale 1 takes 0 and 1 as they are"
            if images.dtype == np.uint8
            else (f"--scale {1 / 255:.9g} undoes a second division by 255")
        )
        raise Unsuitable(f"{name}: nothing is brighter than 1/255: {way}")


def in_range(images, name, clip=False):
    """(images, how many were clipped). Rounding beyond [0,1] is clipped, other values refused.

    NaN is left to barydef, which marks such an image as failed."""
    if images.dtype == np.uint8 or not images.size:
        return images, 0
    low, high = np.fmin.reduce(images, None), np.fmax.reduce(images, None)
    if not low < 0 and not high > 1:
        return images, 0
    if not clip and (low < -ROUNDING or high > 1 + ROUNDING):
        raise Unsuitable(
            f"{name}: values from {low:g} to {high:g}; floats must be in [0,1]: "
            f"{advice(low, high)} converts them"
        )
    beyond = (images < 0) | (images > 1)
    count = int(beyond.reshape(len(images), -1).any(1).sum())
    return np.clip(images, 0, 1), count


def to_pixels(images, name, scale=Scale()):
    """(images of uint8, float32 or float64 in [0,1], notes) of [n,C,H,W] of any numbers."""
    notes = []
    kind = images.dtype
    if kind == bool or (kind.kind in "iu" and kind != np.uint8 and not scale.is_told()):
        low, high = (int(images.min()), int(images.max())) if images.size else (0, 0)
        if kind == bool:
            images, notes = images.astype("u1") * np.uint8(255), ["false and true taken as 0 and 1"]
        elif low >= 0 and high <= 255:
            images, notes = images.astype("u1"), [f"{kind} taken as 0 to 255"]
        else:
            raise Unsuitable(
                f"{name}: {kind} with values from {low} to {high}: "
                f"{advice(low, high)} converts them"
            )
    if images.dtype.kind == "f":
        size = min(max(images.dtype.itemsize, 4), 8)  # float16 and long double too
        images = images.astype(f"f{size}", copy=False)
    elif images.dtype.kind not in "iu":
        raise Unsuitable(
            f"{name}: {kind}; uint8, float16, float32 or float64 can be read, and other integers"
        )
    if scale.is_told() and not (images.dtype == np.uint8 and scale == Scale(high=255.0)):
        wide = images.astype("f8")
        if scale.deviation is not None:
            wide *= per_channel(scale.deviation, images, "--std", name)
        if scale.mean is not None:
            wide += per_channel(scale.mean, images, "--mean", name)
        high = 1.0 if scale.high is None else scale.high
        wide = (wide - scale.low) / (high - scale.low)
        images = wide if images.dtype == np.float64 else wide.astype("f4")
        notes.append("scaled")
    images, clipped = in_range(images, name, scale.clip)
    if images.size:
        check_brightness(images, name)
    if clipped:
        notes.append(f"clipped in {clipped} images")
    return images, notes


def channels_first(images, name, layout=None):
    """[n,C,H,W] of images that are [n,C,H,W], [n,H,W,C] or [n,H,W]."""
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise Unsuitable(
            f"{name}: images of shape {images.shape}; [n,C,H,W], [n,H,W,C] or [n,H,W] can be read"
        )
    if layout_of(images.shape, name, layout) == "nhwc":
        images = images.transpose(0, 3, 1, 2)
    return images
