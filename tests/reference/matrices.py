"""Kernels and motions as dense matrices, for small images."""

import numpy as np

import reference


def dense_kernel(height, width, gamma, cost, window, dtype=np.float64):
    """K as a matrix between all pixels."""
    y, x = (g.ravel() for g in np.mgrid[:height, :width].astype(dtype))
    dy, dx = abs(y[:, None] - y), abs(x[:, None] - x)
    costs = {"l1": dy + dx, "l2": np.hypot(dy, dx), "sql2": dy**2 + dx**2}[cost]
    K = np.exp(-costs / dtype(gamma))
    if window != "full":
        K[np.maximum(dy, dx) > (window - 1) // 2] = 0
    return K


def dense_motions(ops, interpolation, height, width, dtype=np.float64):
    """A_k as matrices [N, n, n], which act on the pixels of an image."""
    unit = np.eye(height * width, dtype=dtype).reshape(-1, height, width)
    columns = [reference.marginals(e, ops, interpolation, dtype) for e in unit]
    return np.stack(columns, axis=-1).reshape(len(ops), height * width, height * width)
