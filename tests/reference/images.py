"""Images to compare solvers on, and how scipy moves them."""

import numpy as np
import scipy.ndimage


def random_images(seed, n, channels, height, width):
    """Sparse images like digits, smooth blobs over exact zeros that differ in every channel."""
    random = np.random.default_rng(seed)
    images = scipy.ndimage.gaussian_filter(
        random.random((n, channels, height, width)), (0, 0, 1, 1)
    )
    images = np.clip((images - 0.5) * 6, 0, 1)
    images[..., height // 2, width // 2] = 0.7  # no channel is empty
    return images


def moved_by_scipy(image, op, order):
    """A_k of one channel by affine_transform, which takes matrices in rows and columns."""
    matrix, offset = np.eye(2), np.zeros(2)
    if op[0] == "rotate":
        t = np.deg2rad(op[1])
        matrix = np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
        centre = (np.array(image.shape) - 1) / 2
        offset = centre - matrix @ centre
    elif op[0] == "translate":
        offset = -np.array(op[:0:-1])
    return scipy.ndimage.affine_transform(
        image, matrix, offset, order=order, mode="grid-constant", cval=0
    )
