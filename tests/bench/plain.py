"""The paper's iteration in PyTorch, for the benchmark: as one writes it down, as one writes it with
care, and as fast as we could make it; and with its gradient by automatic differentiation.

All are checked to give the library's image before they are timed (solver_costs.py)."""

import itertools

import numpy as np
import torch

import reference


def gibbs(gamma, window, dtype):
    d = torch.arange(window, dtype=dtype) - window // 2
    return torch.exp(-d.abs() / gamma)


def plain(q, x, L, gamma, theta=1e5, tau=0.2, window=7):
    """One image: q [N, H, W], x [H, W] of mass 1 -> p.  The kernel is a convolution
    with the window."""
    N = len(q)
    tap = gibbs(gamma, window, q.dtype)
    kernel = (tap[:, None] * tap[None, :])[None, None]
    u, v = torch.zeros_like(q[1:]), torch.zeros_like(x)
    for iteration in range(L + 1):
        last = -N * v - u.sum(0)
        a = torch.cat([u, last[None]])
        a = torch.exp((a - a.amax((1, 2), keepdim=True)) / gamma)
        c = q / torch.nn.functional.conv2d(a[:, None], kernel, padding=window // 2)[:, 0]
        p = a * torch.nn.functional.conv2d(c[:, None], kernel, padding=window // 2)[:, 0]
        if iteration == L:
            return p.mean(0)
        u = u - tau / N * (p[:-1] - p[-1])
        v = (v + tau * p[-1] - tau * x) / (1 + tau / theta)


def careful(q, x, L, gamma, theta=1e5, tau=0.2, window=7):
    """Many images at once in float64: q [N, B, H, W], x [B, H, W].  The kernel is two
    one-dimensional convolutions."""
    N, B = q.shape[:2]
    tap = gibbs(gamma, window, q.dtype)
    u, v = torch.zeros_like(q[1:]), torch.zeros_like(x)

    def apply(values):
        flat = values.reshape(N * B, 1, *values.shape[2:])
        flat = torch.nn.functional.conv2d(flat, tap[None, None, :, None], padding=(window // 2, 0))
        return torch.nn.functional.conv2d(
            flat, tap[None, None, None, :], padding=(0, window // 2)
        ).reshape(values.shape)

    for iteration in range(L + 1):
        a = torch.cat([u, (-N * v - u.sum(0))[None]])
        a = torch.exp((a - a.amax((2, 3), keepdim=True)) / gamma)
        p = a * apply(q / apply(a))
        if iteration == L:
            return p.mean(0)
        u = u - tau / N * (p[:-1] - p[-1])
        v = (v + tau * p[-1] - tau * x) / (1 + tau / theta)


def tuned(q, x, L, gamma, theta=1e5, tau=0.2, window=7):
    """As careful, but without convolutions: sums of shifted slices, in place, with nothing
    allocated in the loop."""
    N, B, H, W = q.shape
    r = window // 2
    tap = gibbs(gamma, window, q.dtype).tolist()[r:]
    u, v = torch.zeros_like(q), torch.zeros_like(x)
    rows, columns = torch.zeros(B, H, W + 2 * r, dtype=q.dtype), torch.zeros(
        B, H + 2 * r, W, dtype=q.dtype
    )
    middle, p, p_last, a, total = (
        torch.empty_like(x),
        torch.empty_like(x),
        torch.empty_like(x),
        torch.empty_like(x),
        torch.empty_like(x),
    )

    def apply(values, out):
        rows[:, :, r : r + W] = values
        middle.copy_(values)
        for d in range(1, r + 1):
            middle.add_(rows[:, :, r - d : r - d + W], alpha=tap[d]).add_(
                rows[:, :, r + d : r + d + W], alpha=tap[d]
            )
        columns[:, r : r + H] = middle
        out.copy_(middle)
        for d in range(1, r + 1):
            out.add_(columns[:, r - d : r - d + H], alpha=tap[d]).add_(
                columns[:, r + d : r + d + H], alpha=tap[d]
            )

    def gradient(k, out):
        torch.sub(u[k], u[k].amax((1, 2), keepdim=True), out=a)
        a.div_(gamma).exp_()
        apply(a, out)
        torch.div(q[k], out, out=out)
        apply(out.clone(), out)
        out.mul_(a)

    for iteration in range(L + 1):
        torch.sum(u[:-1], 0, out=total)
        u[-1] = -N * v - total
        gradient(N - 1, p_last)
        if iteration == L:
            total.copy_(p_last)
            for k in range(N - 1):
                gradient(k, p)
                total.add_(p)
            return total / N
        for k in range(N - 1):
            gradient(k, p)
            u[k].add_(p_last.sub(p), alpha=tau / N)
        v.add_(p_last, alpha=tau).sub_(x, alpha=tau).div_(1 + tau / theta)


def stencil(op, height, width):
    """A_k as the four source pixels of each pixel and their weights [4, n], bilinear."""
    y, x = reference.source_coordinates(op, height, width, np.float64)
    row, column = np.floor(y), np.floor(x)
    sources, weights = [], []
    for dy, dx in itertools.product((0, 1), (0, 1)):
        at = row + dy, column + dx
        inside = (at[0] >= 0) & (at[0] < height) & (at[1] >= 0) & (at[1] < width)
        weight = (1 - abs(y - at[0])) * (1 - abs(x - at[1]))
        sources.append(np.where(inside, at[0] * width + at[1], 0).astype(np.int64).ravel())
        weights.append(np.where(inside, weight, 0).ravel())
    return torch.tensor(np.array(sources)), torch.tensor(np.array(weights))


def purified(images, marginals, L, gamma, **options):
    """Images [B, H, W] purified by `careful`, for automatic differentiation."""
    mass, flat = images.sum((1, 2), keepdim=True), images.flatten(1)
    moved = [
        (flat[:, source] * weight).sum(1).reshape(images.shape)
        for source, weight in (stencil(op, *images.shape[1:]) for op in marginals)
    ]
    q = torch.stack([one / one.sum((1, 2), keepdim=True) for one in moved])
    return torch.clamp(mass * careful(q, images / mass, L, gamma, **options), 0, 1)
