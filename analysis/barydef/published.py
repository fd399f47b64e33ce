"""Figures that Subramanyam and Raj, "Barycentric Defense", publish, in percent: Tables I to V.

They are the accuracies of the victim on attacked images and on their barycenters. An attack with
another bound is another attack."""

import math
import re
from typing import NamedTuple

from .formats import CLEAN


class Figures(NamedTuple):
    """A row of the paper."""

    norm: str
    epsilon: float | None  # None: the attack has no bound of its own
    attacked: float
    b6: float
    b4: float | None = None  # only Table I has it


def grey(l2_pgd, l2_carlini_wagner, linf_pgd, fgsm, linf_deepfool, autoattack):
    """Tables II and III."""
    return {
        "l2_pgd": Figures("l2", 1, *l2_pgd),
        "l2_carlini_wagner": Figures("l2", 1, *l2_carlini_wagner),
        "linf_pgd": Figures("linf", 0.1, *linf_pgd),
        "fgsm": Figures("linf", 0.1, *fgsm),
        "linf_deepfool": Figures("linf", 0.1, *linf_deepfool),
        "autoattack": Figures("linf", 0.1, *autoattack),
    }


def table_one(attacked, b6, b4, clean, clean_b6, clean_b4):
    """A row of Table I, whose attack is in a ball that grows until it succeeds."""
    return {
        "linf_growing": Figures("linf", None, attacked, b6, b4),
        CLEAN: Figures("none", 0, clean, clean_b6, clean_b4),
    }


# {data set: {attack: Figures}}
FIGURES = {
    "mnist": grey(
        l2_pgd=(43.59, 62.03),
        l2_carlini_wagner=(63.19, 96.07),
        linf_pgd=(16.36, 31.75),
        fgsm=(71.75, 74.96),
        linf_deepfool=(42.52, 94.69),
        autoattack=(9.13, 28.12),
    )
    | table_one(0.5, 90.3, 85.9, 99.0, 98.9, 98.3),
    "fashion_mnist": grey(
        l2_pgd=(9.45, 14.38),
        l2_carlini_wagner=(14.14, 80.44),
        linf_pgd=(38.39, 46.99),
        fgsm=(45.88, 51.6),
        linf_deepfool=(42.59, 81.05),
        autoattack=(0.6, 2.75),
    )
    | table_one(0, 67.7, 66.9, 90.0, 89.8, 89.7),
    "cifar10": {
        "l2_pgd": Figures("l2", 0.5, 2.65, 32.51),
        "l2_carlini_wagner": Figures("l2", 0.5, 0.06, 83.07),
        "linf_pgd": Figures("linf", 8 / 255, 0, 14.62),
        "fgsm": Figures("linf", 8 / 255, 37.48, 43.11),
        "linf_deepfool": Figures("linf", 8 / 255, 1.81, 78.11),
        "autoattack": Figures("linf", 8 / 255, 0, 10.15),
    }
    | table_one(0, 53.8, 55.7, 94.8, 88.4, 90.5),
    "cifar100": {
        "l2_carlini_wagner": Figures("l2", 0.5, 0.01, 55.31),
        "linf_deepfool": Figures("linf", 8 / 255, 0, 54.46),
        "autoattack": Figures("linf", 8 / 255, 0, 4.54),
    }
    | table_one(0, 21.2, 22.3, 70.2, 60.5, 64.6),
}

HEADS = ["paper: attacked", "paper: B4", "paper: B6"]
NOTE = (
    'Columns "paper" hold the paper\'s own figures, of its own victim and attacks. '
    "Its barycenters are at its own setting, whatever run they stand beside."
)


def published(result):
    """What the paper has of a result's attacks, however the name of the data set is spelt.

    None of the paper's attacks knows of a defence, so those that do are others."""
    name = re.sub(r"[^a-z0-9]+", "_", result.dataset.lower()).strip("_")
    spelt = {"fashionmnist": "fashion_mnist", "cifar_10": "cifar10", "cifar_100": "cifar100"}
    found = FIGURES.get(spelt.get(name, name), {})
    knowledge = getattr(result, "knowledge", {})  # an attack that is not in it knows nothing
    alike = [one for one in result.attacks if knowledge.get(one, ("",))[0] in ("", "victim")]
    return {attack: found[attack] for attack in alike if attack in found}


def is_bounded_so(result, attack, norm, epsilon):
    """Whether an attack has this norm and epsilon; None where the result does not say."""
    its, size = result.bound(attack)
    if its not in ("", "unknown", norm):
        return False
    if epsilon is None:
        return True if its == norm else None
    if not (math.isnan(size) or math.isclose(size, epsilon, rel_tol=1e-3)):
        return False  # 8/255 may be given as 0.0314
    return True if its == norm and not math.isnan(size) else None


def figures(result, surely=False):
    """{attack: Figures} of the attacks that are bounded as the paper's are.

    Attacks of unknown bound are included unless something is to be concluded (`surely`)."""
    known = {
        attack: (is_bounded_so(result, attack, row.norm, row.epsilon), row)
        for attack, row in published(result).items()
    }
    return {
        attack: row for attack, (same, row) in known.items() if same or same is None and not surely
    }


def cells(found, attack):
    """What stands under HEADS beside an attack, of the Figures that were found."""
    row = found.get(attack)
    numbers = (row.attacked, row.b4, row.b6) if row else (None, None, None)
    return ["" if number is None else str(number) for number in numbers]


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
