"""A victim gives the same logits, gradients and heat maps at its first, second and later calls."""

import hashlib
import os
import unittest

from inputs import write_victim
from results import read
from support import DEMO_SET, RunTest
from test_victim_answers_alike_at_every_call import VALUES

import torch
from barydef.attack import victim
from barydef.report.gradcam import Victim

CALLS = 100

SMOOTH = """
    y = torch.conv2d(x - 0.3, torch.sin(torch.arange(36.0)).view(4, 1, 3, 3), padding=1)
    y = (y * torch.sigmoid(y) + torch.tanh(y)).flatten(1)
    return y @ torch.cos(1.7 * torch.arange(y.size(1) * 10).float()).view(-1, 10)
"""


def digest(tensor):
    """A failing test should not print all bytes."""
    return hashlib.sha1(tensor.detach().numpy().tobytes()).hexdigest()


def answers(model, x):
    """Digests of the logits, the gradient, and the logits of a call that keeps no gradient."""
    x = x.clone().requires_grad_()
    logits = model(x)
    weighted = (logits * torch.arange(1.0, logits.shape[1] + 1)).sum()
    (slope,) = torch.autograd.grad(weighted, x)
    with torch.no_grad():
        plain = model(x)
    return digest(logits), digest(slope), digest(plain)


def slope(model, x, labels):
    """Gradient of the cross-entropy."""
    x = x.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), labels, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


def steps(model, x, labels):
    """Where three steps along the gradient lead from a random start."""
    x = x + 0.1 * torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        gradient = slope(model, x, labels)
        x = (x + 0.1 * gradient / gradient.norm().clamp_min(1e-12)).clamp(0, 1)
    return x


class Calls(RunTest):
    def test_every_call_gives_the_same_digits(self):
        path = os.path.join(self.folder, "victim.pt")
        x = torch.rand(8, 1, 8, 10, generator=torch.Generator().manual_seed(1))
        for name, values in VALUES.items():
            write_victim(path, "return self.values(x).flatten(1)", values=values)
            model = victim.load(path)
            seen = [answers(model, x) for _ in range(CALLS)]
            for what, each in zip(("logits", "gradient", "logits without gradient"), zip(*seen)):
                self.assertEqual(set(each), {each[0]}, f"{what} of {name}")
            self.assertEqual(seen[0][0], seen[0][2], name)

    def test_attacks_and_heat_maps_do_not_depend_on_earlier_calls(self):
        path = write_victim(os.path.join(self.folder, "victim.pt"), SMOOTH)
        images = read(DEMO_SET, "clean/images")[:6]
        x, labels = torch.from_numpy(images), torch.from_numpy(read(DEMO_SET, "labels")[:6])
        model, looked_into = victim.load(path), Victim(path)
        for make in (
            lambda: slope(model, x, labels),
            lambda: steps(model, x, labels),
            lambda: torch.from_numpy(looked_into.maps(images)[0]),
        ):
            made = [digest(make()) for _ in range(CALLS // 10)]
            self.assertEqual(set(made), {made[0]})


if __name__ == "__main__":
    unittest.main()
