"""Attack the demo's victim through the purifier by a recipe of docs/python.md.

    recipes.py LIBRARY

LIBRARY is a heading of the page.  What came of it is printed as JSON."""

import json
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded, whose threads must not change a logit

import numpy as np
import torch
from pages import code

import barydef.torch


class Watched(torch.nn.Module):
    """A model that keeps the first images it was shown, and the gradient that a library took."""

    def __init__(self, model):
        super().__init__()
        self.model, self.images, self.gradient = model, None, None

    def forward(self, x):
        if x.requires_grad and self.images is None:
            self.images = x.detach().clone()
            x = x.clone()  # hooks of a leaf are not always called
            x.register_hook(self.keep)
        return self.model(x)

    def keep(self, gradient):
        self.gradient = gradient.clone() if self.gradient is None else self.gradient


def differences(model, labels, watched):
    """Of each image, the change of its loss along the gradient that was taken, and what the
    gradient promises."""
    model = model.double()
    x, gradient = watched.images.double(), watched.gradient.double()
    inside = (x > 0.01) & (x < 0.99)
    step = 1e-7 * gradient.sign() * inside
    with torch.no_grad():
        after, before = (
            torch.nn.functional.cross_entropy(model(at), labels, reduction="none")
            for at in (x + step, x - step)
        )
    return ((after - before) / 2).tolist(), (gradient * step).flatten(1).sum(1).tolist()


def main():
    names = {}
    exec(code("python.md", "A layer before a victim"), names)
    recipe = compile(code("python.md", sys.argv[1]), sys.argv[1], "exec")
    victim, exact, images, labels = (names[one] for one in ("victim", "model", "images", "labels"))
    identity = torch.nn.Sequential(
        barydef.torch.Purify(names["layer"].purifier, "identity"), victim
    )

    def attacked(model, **others):
        torch.manual_seed(0)
        np.random.seed(0)
        scope = {**names, "model": model.eval(), **others}
        exec(recipe, scope)
        return scope["adversarial"]

    def right(x):
        with torch.no_grad():
            return int((exact(x).argmax(1) == labels).sum())

    watched, found = Watched(exact), {"images": len(images), "clean": right(images)}
    for name, model, others in (
        ("bare", victim, {}),
        ("identity", identity, {}),
        ("exact", watched, {}),
        ("far", exact, {"epsilon": 4 * names["epsilon"]}),
    ):
        made, radius = attacked(model, **others), others.get("epsilon", names["epsilon"])
        assert (made.shape, made.dtype, made.device) == (images.shape, images.dtype, images.device)
        assert 0 <= made.min() and made.max() <= 1 and (made - images).abs().max() <= radius + 1e-6
        found[name] = right(made)
    assert torch.isfinite(watched.gradient).all()
    found["without gradient"] = int((watched.gradient == 0).flatten(1).all(1).sum())
    if sys.argv[1] != "ART":  # which computes in float32
        few = {"images": images[:8].double(), "labels": labels[:8]}
        assert attacked(exact.double(), **few).dtype == torch.float64
    shown = len(watched.images)  # of the first batch
    found["changes"], found["promised"] = differences(exact, labels[:shown], watched)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
