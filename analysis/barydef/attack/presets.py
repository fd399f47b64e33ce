"""The paper's attacks by Foolbox and AutoAttack, with settings for each data set.

Where the numbers come from:
  epsilon     0.1 (linf) and 1 (l2) on MNIST and Fashion-MNIST, 8/255 and 0.5
              on CIFAR-10, as in the sets of docs/reproduction.md. CIFAR-100
              has CIFAR-10's. Any other set has MNIST's where it is grey,
              CIFAR-10's where it has colours.
  the others  The paper gives its settings only in part. These are of the same
              sets. They are the defaults of Foolbox 3.3.4, except for
              Carlini-Wagner, whose 9 searches of 10,000 steps take hours. It
              has 6 of 300 on grey images, and 5 of 100 from a constant of 0.01
              on colour. All are written out here and in the file, so that
              another release cannot change them unseen.
  autoattack  Its standard version has apgd-ce, apgd-t, fab-t, and square with
              5,000 queries. The targeted ones try 9 classes, or all others of
              a victim that has fewer than ten.
"""

import importlib.util
import re
from collections import namedtuple

from ..errors import Unsuitable

# An attack as it is run. name: its key in ATTACKS; options: the keyword arguments of its class
Setting = namedtuple("Setting", "name norm epsilon options")

PGD = {"steps": 40, "rel_stepsize": 0.01 / 0.3, "random_start": True}
DEEPFOOL = {"steps": 50, "candidates": 10, "overshoot": 0.02, "loss": "logits"}
# attack: (class in foolbox.attacks, norm, options)
ATTACKS = {
    "l2_pgd": ("L2PGD", "l2", {"steps": 50, "rel_stepsize": 0.025, "random_start": True}),
    "l2_carlini_wagner": (
        "L2CarliniWagnerAttack",
        "l2",
        {
            "binary_search_steps": 6,
            "steps": 300,
            "stepsize": 0.01,
            "confidence": 0,
            "initial_const": 1e-3,
            "abort_early": True,
        },
    ),
    "linf_pgd": ("LinfPGD", "linf", PGD),
    "fgsm": ("FGSM", "linf", {"random_start": False}),
    "linf_deepfool": ("LinfDeepFoolAttack", "linf", DEEPFOOL),
    "autoattack": (None, "linf", {"version": "standard"}),
    "linf_pgd_0.17": ("LinfPGD", "linf", PGD),
    "l2_deepfool": ("L2DeepFoolAttack", "l2", DEEPFOOL),
}
PAPER = tuple(ATTACKS)[:6]

GREY = {"epsilon": {"linf": 0.1, "l2": 1.0}}
COLOUR = {
    "epsilon": {"linf": 8 / 255, "l2": 0.5},
    "l2_carlini_wagner": {"binary_search_steps": 5, "steps": 100, "initial_const": 0.01},
}
DATASETS = {"mnist": GREY, "fashion_mnist": GREY, "cifar10": COLOUR, "cifar100": COLOUR}


# The way out where they are not installed.
BY_ITSELF = "barydef attack JOB.ini makes attacks without them (docs/attacks.md)"


def installed(package):
    return importlib.util.find_spec(package) is not None


def lacking(name):
    """The package that an attack needs and that is not installed, or None."""
    needed = "autoattack" if name == "autoattack" else "foolbox"
    return None if installed(needed) else needed


def runnable():
    """Those of the paper's attacks that something installed can run. Refuses to run none."""
    found = [name for name in PAPER if not lacking(name)]
    if not found:
        raise Unsuitable(f"neither foolbox nor autoattack is installed; {BY_ITSELF}")
    return found


def left_out():
    """One line about the paper's other attacks; "" where there are none."""
    missing = [
        f"{name} (the package {lacking(name)} is not installed)" for name in PAPER if lacking(name)
    ]
    return f"left out: {', '.join(missing)}" if missing else ""


def known(name):
    """The data set of this name, however it is spelt ("Fashion-MNIST"), or None."""
    spelt = re.sub("[^a-z0-9]", "", (name or "").lower())
    return next((one for one in DATASETS if one.replace("_", "") == spelt), None)


def preset_of(dataset, channels):
    return known(dataset) or ("mnist" if channels == 1 else "cifar10")


def setting(name, preset, epsilon=None):
    """The Setting of an attack. Refuses an attack that cannot be run."""
    if name not in ATTACKS:
        raise Unsuitable(f"{name}: no such attack; there are {', '.join(ATTACKS)}")
    if lacking(name):
        raise Unsuitable(
            f"{name} needs the package {lacking(name)}, which is not installed; {BY_ITSELF}"
        )
    _, norm, options = ATTACKS[name]
    usual = 0.17 if name == "linf_pgd_0.17" else DATASETS[preset]["epsilon"][norm]
    options = {**options, **DATASETS[preset].get(name, {})}
    return Setting(name, norm, usual if epsilon is None else epsilon, options)


def for_classes(setting, classes):
    """The Setting for a victim with so many classes."""
    if setting.name != "autoattack":
        return setting
    if classes < 4:  # its targeted loss takes the four largest logits
        raise Unsuitable(
            f"autoattack needs a victim of at least 4 classes, this one has {classes}; "
            "--attacks chooses others"
        )
    targets = {"n_target_classes": min(9, classes - 1)}
    return setting._replace(options={**setting.options, **targets})
