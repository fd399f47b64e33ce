"""Images to compare solvers on."""

import numpy as np
import scipy.ndimage


def random_images(seed, n, channels, height, width):
    """Sparse images like digits: smooth blobs over exact zeros, different in every channel."""
    random = np.random.default_rng(seed)
    images = scipy.ndimage.gaussian_filter(
        random.random((n, channels, height, width)), (0, 0, 1, 1)
    )
    images = np.clip((images - 0.5) * 6, 0, 1)
    images[..., height // 2, width // 2] = 0.7  # no channel is empty
    return images
