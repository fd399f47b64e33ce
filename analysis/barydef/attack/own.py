"""Attacks of our own on a classifier in PyTorch, where Foolbox is not installed.

FGSM (Goodfellow et al., ICLR 2015), PGD (Madry et al., ICLR 2018) and DeepFool (Moosavi-Dezfooli
et al., CVPR 2016). All take images in [0,1] and stay there."""

from collections import namedtuple

import torch

# norm: "linf" or "l2"; epsilon: its radius, None where DeepFool has no bound
Ball = namedtuple("Ball", "norm epsilon")
# x: images [n,C,H,W] in [0,1]; labels: their classes [n]
Batch = namedtuple("Batch", "x labels")


def norms(x, norm):
    """The norm of each image of [n,C,H,W], shaped to multiply it."""
    flat = x.flatten(1)
    length = flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)
    return length.view(-1, 1, 1, 1)


def project(x, start, ball):
    """The point nearest to x in the ball about `start`, then in [0,1]."""
    difference, (norm, epsilon) = x - start, ball
    if norm == "linf":
        difference = difference.clamp(-epsilon, epsilon)
    else:
        difference = difference * (epsilon / norms(difference, norm).clamp_min(1e-12)).clamp_max(1)
    return (start + difference).clamp(0, 1)


def slope(model, x, labels):
    """Gradient of the summed cross entropy."""
    x = x.detach().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), labels, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


def direction(gradient, norm):
    return gradient.sign() if norm == "linf" else gradient / norms(gradient, norm).clamp_min(1e-12)


def fgsm(model, batch, ball):
    """One step."""
    x, labels = batch
    return project(x + ball.epsilon * direction(slope(model, x, labels), ball.norm), x, ball)


def pgd(model, batch, ball, steps=40, step=None, generator=None):
    """Steps of `step` (2.5 epsilon / steps where not given) from a random start in the ball.

    Every image takes all of them, as with Foolbox. An image that stopped at its first
    misclassification would lie so near the boundary that any blur undoes the attack."""
    (x, labels), (norm, epsilon) = batch, ball
    step = step or 2.5 * epsilon / steps
    noise = (
        torch.rand(x.shape, generator=generator) * 2 - 1
        if norm == "linf"
        else torch.randn(x.shape, generator=generator)
    )
    if norm != "linf":
        noise = noise / norms(noise, norm) * torch.rand(len(x), 1, 1, 1, generator=generator)
    found = project(x + epsilon * noise, x, ball)
    for _ in range(steps):
        found = project(found + step * direction(slope(model, found, labels), norm), x, ball)
    return found


def deepfool(model, batch, ball, steps=50, overshoot=0.02):
    """Steps to the nearest linearised decision boundary, until an image is misclassified.

    Where the ball has a radius, the result is projected into it."""
    (x, labels), norm = batch, ball.norm
    found = x.clone()
    for _ in range(steps):
        point = found.detach().requires_grad_()
        logits = model(point)
        going = logits.argmax(1) == labels
        if not going.any():
            break
        slopes = [
            torch.autograd.grad(logits[:, c].sum(), point, retain_graph=True)[0]
            for c in range(logits.shape[1])
        ]
        slopes = torch.stack(slopes, 1)  # [n, classes, C, H, W]
        at = torch.arange(len(x))
        w = slopes - slopes[at, labels][:, None]
        gap = (logits - logits[at, labels][:, None]).abs().detach()
        flat = w.flatten(2)
        size = flat.abs().sum(2) if norm == "linf" else flat.norm(dim=2)  # the dual norm
        distance = gap / size.clamp_min(1e-12)
        distance[at, labels] = torch.inf
        nearest = distance.argmin(1)
        way = w[at, nearest]
        length = (distance[at, nearest] + 1e-6).view(-1, 1, 1, 1)
        push = length * (way.sign() if norm == "linf" else way / norms(way, "l2").clamp_min(1e-12))
        moved = (x + (1 + overshoot) * (found + push - x)).clamp(0, 1)
        found = torch.where(going.view(-1, 1, 1, 1), moved, found).detach()
    return project(found, x, ball) if ball.epsilon is not None else found
