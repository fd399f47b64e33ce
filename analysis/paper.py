"""Figures of Subramanyam and Raj, "Barycentric Defense", in percent: accuracy of the victim on attacked images, and on their
barycenters (B6 where it gives both sets).  None where it gives no figure; its figures of other sets and attacks are not known
here."""

import re

FIGURES = {
    "mnist": {"linf_pgd": (16.4, 31.8), "fgsm": (71.8, 75.0), "linf_deepfool": (42.5, 94.7), "l2_carlini_wagner": (63.2, 96.1),
              "autoattack": (9.1, 28.1), "clean": (99.0, 98.9)},
    "fashion_mnist": {"l2_carlini_wagner": (None, 80.4), "linf_deepfool": (None, 81.1), "l2_pgd": (None, 14.4), "autoattack": (None, 2.8)},
}

HEADS = ["paper: attacked", "paper: B6"]
NOTE = ("Columns \"paper\" are the paper's own figures, of its own victim and attacks; its barycenters are of B6 at its own "
        "setting, whatever run they stand beside.")


def figures(dataset):
    """{attack: (attacked, barycenter)} of a data set by its name, however that is spelt."""
    name = re.sub(r"[^a-z0-9]+", "_", dataset.lower()).strip("_")
    found = {"fashionmnist": "fashion_mnist"}.get(name, name)
    return {attack: tuple("" if number is None else number for number in pair) for attack, pair in FIGURES.get(found, {}).items()}
