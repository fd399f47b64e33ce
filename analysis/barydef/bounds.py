"""How far attacked images are from the clean ones, where nobody has told it."""

import numpy as np


def as_unit(images):
    return images / 255 if images.dtype == np.uint8 else images.astype("f8")


def distances(images, clean):
    """The largest (linf, l2) distance of an image to its clean one, of those without NaN."""
    linf = l2 = 0.0
    for first in range(0, len(images), 256):
        part = slice(first, first + 256)
        change = np.abs(as_unit(images[part]) - as_unit(clean[part])).reshape(len(images[part]), -1)
        change = change[np.isfinite(change).all(1)]
        if len(change):
            linf = max(linf, float(change.max()))
            l2 = max(l2, float(np.sqrt((change**2).sum(1)).max()))
    return linf, l2


def measured(images, clean, known):
    """(norm, epsilon, attributes) of an attack, what is not known measured against clean images.

    Of an unknown norm linf is written. Distances that do not depend on it are attributes."""
    norm, epsilon = known["norm"], known["epsilon"]
    if clean is None or norm not in ("unknown", "linf", "l2"):
        return norm, epsilon, {}
    if epsilon == epsilon and norm != "unknown":
        return norm, epsilon, {}
    linf, l2 = distances(images, clean)
    told = {"measured": "epsilon" if norm != "unknown" else "norm, epsilon"}
    told.update(measured_linf=linf, measured_l2=l2)
    if epsilon == epsilon:
        norms = [name for name, size in (("linf", linf), ("l2", l2)) if size <= 1.001 * epsilon]
        return norms[0] if norms else norm, epsilon, {**told, "measured": "norm"}
    return ("l2", l2, told) if norm == "l2" else ("linf", linf, told)


def bound_in_words(norm, epsilon, told):
    words = f"norm {norm}, epsilon {epsilon:g}"
    if not told:
        return words
    return (
        f"{words} ({told['measured']} measured: largest distance to clean "
        f"linf {told['measured_linf']:.6g}, l2 {told['measured_l2']:.6g})"
    )
