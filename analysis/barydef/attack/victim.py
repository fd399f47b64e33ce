"""The attacked classifier, and what must be known of it before hours are spent."""

import os

import numpy as np
import torch

from ..errors import Unsuitable, line_of
from .. import torchscript


def load(path):
    if not os.path.isfile(path):
        raise Unsuitable(f"{path}: no such file")
    try:
        return torchscript.load(path)
    except Exception as problem:
        raise Unsuitable(f"{path}: no TorchScript classifier ({line_of(problem)})") from None


def check_logits(logits, path, count):
    """Refuse what is not a tensor of floats [count, classes]."""
    if (
        not isinstance(logits, torch.Tensor)
        or logits.ndim != 2
        or len(logits) != count
        or not logits.is_floating_point()
    ):
        is_tensor = isinstance(logits, torch.Tensor)
        shape = list(logits.shape) if is_tensor else type(logits).__name__
        raise Unsuitable(f"{path}: gives {shape} for {count} images, not floats [images, classes]")


def logits_of(model, path, images, batch):
    """[n, classes] of float images [n,C,H,W]."""
    found = []
    for start in range(0, len(images), batch):
        some = images[start : start + batch]
        try:
            with torch.no_grad():
                found.append(model(torch.as_tensor(some)))
        except Exception as problem:
            size = " x ".join(map(str, images.shape[1:]))
            raise Unsuitable(f"{path}: cannot take images of {size} ({line_of(problem)})") from None
        check_logits(found[-1], path, len(some))
    return torch.cat(found).numpy()


def check_gradient(model, path, x, classes):
    """Refuse a victim without a gradient, which every attack here needs."""
    x = torch.as_tensor(x).clone().requires_grad_()
    try:
        # The classes are weighted, as logits that sum to 1 would have no gradient.
        slope = torch.autograd.grad((model(x) * torch.arange(1.0, classes + 1)).sum(), x)[0]
    except RuntimeError:
        slope = torch.zeros(1)
    if not slope.abs().sum() > 0:
        raise Unsuitable(
            f"{path}: has no gradient with respect to its input, which the attacks need"
        )


def check(model, path, images, labels, batch):
    """(accuracy, whether that is no better than guessing) of a victim.

    Refuses a victim and labels that do not fit each other, and a victim without a gradient."""
    logits = logits_of(model, path, images, batch)
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise Unsuitable(
            f"labels from {labels.min()} to {labels.max()}, "
            f"but {path} has {classes} classes, numbered from 0"
        )
    finite = np.isfinite(logits).all(1)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise Unsuitable(f"{path}: gives numbers that are not finite for image {first}")
    check_gradient(model, path, images[:batch], classes)
    accuracy = np.mean(logits.argmax(1) == labels)
    return accuracy, accuracy < 1.5 / classes
