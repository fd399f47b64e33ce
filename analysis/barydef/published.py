"""Figures that Subramanyam and Raj, "Barycentric Defense", publish, in percent.

They are the accuracies of the victim on attacked images and on their barycenters, of B6 where the
paper gives both sets. None stands where the paper gives no figure."""

import math
import re

# {data set: {attack: (norm, epsilon, attacked, barycenter)}}. An attack with another bound is
# another attack.
FIGURES = {
    "mnist": {
        "linf_pgd": ("linf", 0.1, 16.4, 31.8),
        "fgsm": ("linf", 0.1, 71.8, 75.0),
        "linf_deepfool": ("linf", 0.1, 42.5, 94.7),
        "l2_carlini_wagner": ("l2", 1, 63.2, 96.1),
        "autoattack": ("linf", 0.1, 9.1, 28.1),
        "clean": ("none", 0, 99.0, 98.9),
    },
    "fashion_mnist": {
        "l2_carlini_wagner": ("l2", 1, None, 80.4),
        "linf_deepfool": ("linf", 0.1, None, 81.1),
        "l2_pgd": ("l2", 1, None, 14.4),
        "autoattack": ("linf", 0.1, None, 2.8),
    },
}

HEADS = ["paper: attacked", "paper: B6"]
NOTE = (
    'Columns "paper" hold the paper\'s own figures, of its own victim and attacks. '
    "Its barycenters are of B6 at its own setting, whatever run they stand beside."
)


def published(result):
    """What the paper has of a result's attacks, however the name of the data set is spelt."""
    name = re.sub(r"[^a-z0-9]+", "_", result.dataset.lower()).strip("_")
    found = FIGURES.get({"fashionmnist": "fashion_mnist"}.get(name, name), {})
    return {attack: found[attack] for attack in result.attacks if attack in found}


def is_bounded_so(result, attack, norm, epsilon):
    """Whether an attack has this norm and epsilon; None where the result does not say."""
    its, size = result.bound(attack)
    if its not in ("", "unknown", norm) or not (
        math.isnan(size) or math.isclose(size, epsilon, rel_tol=1e-3)
    ):  # 8/255 may be given as 0.0314
        return False
    return True if its == norm and not math.isnan(size) else None


def figures(result, surely=False):
    """{attack: (attacked, barycenter)} of the attacks that are bounded as the paper's are.

    Attacks of unknown bound are included unless something is to be concluded (`surely`)."""
    known = {
        attack: (is_bounded_so(result, attack, norm, epsilon), pair)
        for attack, (norm, epsilon, *pair) in published(result).items()
    }
    return {
        attack: tuple("" if number is None else number for number in pair)
        for attack, (same, pair) in known.items()
        if same or same is None and not surely
    }


def unsure(result):
    """Attacks with a name of the paper's from which nothing is concluded."""
    return [attack for attack in published(result) if attack not in figures(result, surely=True)]


def note(result):
    """What must be said beside the figures."""
    unknown = [attack for attack in unsure(result) if attack in figures(result)]
    if not unknown:
        return NOTE
    return (
        f"{NOTE} Norm or epsilon of {', '.join(unknown)} are not known here, "
        "and may be others than the paper's."
    )
