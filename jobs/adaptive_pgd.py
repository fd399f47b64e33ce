#!/usr/bin/env python3
"""PGD of an attacker who knows the purifier: how much of a victim's accuracy is left?

    PYTHONPATH=build/python jobs/adaptive_pgd.py SET.h5 VICTIM.pt [--gradient exact] [KEY=VALUE ...]

KEY=VALUE are keys of a job file, such as solver.gamma=1.  The attack starts at random in the ball
of radius --epsilon, ascends the cross-entropy by signs of the gradient (Madry et al., "Towards Deep
Learning Models Resistant to Adversarial Attacks", ICLR 2018), and stops for an image once the
victim is wrong."""

import argparse

import h5py
import torch

import barydef
import barydef.torch
import barydef.torchscript


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set")
    parser.add_argument("victim", help="a TorchScript file")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--gradient", choices=barydef.torch.GRADIENTS, default="exact")
    parser.add_argument("--blur", type=float, help="attack a blur of this width instead")
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_intermixed_args()


def clean(path, count):
    with h5py.File(path) as file:
        images, labels = file["clean/images"], file["labels"]
        scale = 255 if images.dtype.kind == "u" else 1
        return (
            torch.from_numpy(images[:count]).float() / scale,
            torch.from_numpy(labels[:count]).long(),
        )


def attack(model, x, labels, options):
    """Which images are still classified right after the attack."""
    generator = torch.Generator().manual_seed(options.seed)
    noise = torch.rand(x.shape, generator=generator) * 2 - 1
    step = 2.5 * options.epsilon / options.steps  # as in the code of Madry et al.
    right = torch.ones(len(x), dtype=torch.bool)
    adversarial = (x + options.epsilon * noise).clamp(0, 1)
    for iteration in range(options.steps + 1):
        at = right.nonzero()[:, 0]
        point = adversarial[at].requires_grad_()
        logits = model(point)
        right[at] &= logits.argmax(1) == labels[at]
        if iteration == options.steps or not right.any():
            return right
        loss = torch.nn.functional.cross_entropy(logits, labels[at], reduction="sum")
        moved = point + step * torch.autograd.grad(loss, point)[0].sign()
        ball = torch.minimum(torch.maximum(moved, x[at] - options.epsilon), x[at] + options.epsilon)
        adversarial[at] = ball.clamp(0, 1).detach()


def main():
    options = parsed()
    settings = dict(one.split("=", 1) for one in options.settings)
    x, labels = clean(options.set, options.images)
    victim = barydef.torchscript.load(options.victim)
    if options.blur is None:
        defence = barydef.torch.Purify(barydef.Purifier(settings, threads=2), options.gradient)
    else:
        defence = barydef.torch.Blur(options.blur)
    model = torch.nn.Sequential(defence, victim)
    with torch.no_grad():
        before = (model(x).argmax(1) == labels).float().mean()
    left = attack(model, x, labels, options).float().mean()
    print(f"{defence}: {100 * before:.1f} % right on clean images, {100 * left:.1f} % under PGD")


if __name__ == "__main__":
    main()
