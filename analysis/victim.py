"""The attacked classifier: what must be known of it before hours are spent."""

import os

import numpy as np
import torch

from files import Unsuitable, line_of


def load(path):
    if not os.path.isfile(path):
        raise Unsuitable(f"{path}: no such file")
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except Exception as problem:
        raise Unsuitable(f"{path}: no TorchScript classifier ({line_of(problem)})") from None


def logits_of(model, path, images, batch):
    """[n, classes] of float images [n,C,H,W]."""
    found = []
    for start in range(0, len(images), batch):
        try:
            with torch.no_grad():
                found.append(model(torch.as_tensor(images[start : start + batch])))
        except Exception as problem:
            raise Unsuitable(
                f"{path}: cannot take images of {' x '.join(map(str, images.shape[1:]))} ({line_of(problem)})"
            ) from None
        part = found[-1]
        if (
            not isinstance(part, torch.Tensor)
            or part.ndim != 2
            or len(part) != len(images[start : start + batch])
            or not part.is_floating_point()
        ):
            shape = list(part.shape) if isinstance(part, torch.Tensor) else type(part).__name__
            raise Unsuitable(
                f"{path}: gives {shape} for {len(images[start:start + batch])} images, not floats [images, classes]"
            )
    return torch.cat(found).numpy()


def check(model, path, images, labels, batch):
    """Its accuracy, and whether that is no better than guessing; refuses a victim and labels that do not fit, and one without a
    gradient, which every attack here needs."""
    logits = logits_of(model, path, images, batch)
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise Unsuitable(
            f"labels from {labels.min()} to {labels.max()}, but {path} has {classes} classes, numbered from 0"
        )
    if not np.isfinite(logits).all():
        raise Unsuitable(
            f"{path}: gives numbers that are not finite for image {int(np.flatnonzero(~np.isfinite(logits).all(1))[0])}"
        )
    x = torch.as_tensor(images[:batch]).clone().requires_grad_()
    try:
        # Weighted, as what sums to 1 has no gradient.
        slope = torch.autograd.grad((model(x) * torch.arange(1.0, classes + 1)).sum(), x)[0]
    except RuntimeError:
        slope = torch.zeros(1)
    if not slope.abs().sum() > 0:
        raise Unsuitable(
            f"{path}: has no gradient with respect to its input, which the attacks need"
        )
    accuracy = np.mean(logits.argmax(1) == labels)
    return accuracy, accuracy < 1.5 / classes
