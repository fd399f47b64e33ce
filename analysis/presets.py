"""The paper's attacks, with settings for each data set, run by the best that is installed.

Where the numbers come from:
  epsilon     0.1 (linf) and 1 (l2) on MNIST and Fashion-MNIST, 8/255 and 0.5 on CIFAR-10: those of the sets of docs/reproduction.md.
              CIFAR-100 has CIFAR-10's.  Any other set: MNIST's where it is grey, CIFAR-10's where it has colours.
  the others  The paper gives its settings only in part.  These are of the same sets: Foolbox 3.3.4's own, but for Carlini-Wagner,
              whose 9 searches of 10,000 steps take hours: 6 of 300 on grey images, 5 of 100 from a constant of 0.01 on colour.
              They are written out here and in the file, so that another release cannot change them unseen.
  autoattack  Its standard version: apgd-ce, apgd-t, fab-t, square with 5,000 queries; the targeted ones try 9 classes, or all others
              of a victim that has fewer than ten.
"""

import contextlib
import importlib.util
import io
import re
import warnings

from files import Unsuitable, line_of

PGD = {"steps": 40, "rel_stepsize": 0.01 / 0.3, "random_start": True}
DEEPFOOL = {"steps": 50, "candidates": 10, "overshoot": 0.02, "loss": "logits"}
# attack: (class in foolbox.attacks, norm, settings)
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
# attack: function in attacks.py
OWN = {
    "fgsm": "fgsm",
    "linf_pgd": "pgd",
    "linf_pgd_0.17": "pgd",
    "l2_pgd": "pgd",
    "linf_deepfool": "deepfool",
    "l2_deepfool": "deepfool",
}

GREY = {"epsilon": {"linf": 0.1, "l2": 1.0}}
COLOUR = {
    "epsilon": {"linf": 8 / 255, "l2": 0.5},
    "l2_carlini_wagner": {"binary_search_steps": 5, "steps": 100, "initial_const": 0.01},
}
DATASETS = {"mnist": GREY, "fashion_mnist": GREY, "cifar10": COLOUR, "cifar100": COLOUR}


def installed(package):
    return importlib.util.find_spec(package) is not None


def lacking(name):
    """The package that an attack cannot do without and that is not installed, or None."""
    needed = "autoattack" if name == "autoattack" else "foolbox"
    return None if installed(needed) or name in OWN else needed


def runnable():
    """The paper's attacks, as far as something that runs them is installed."""
    return [name for name in PAPER if not lacking(name)]


def left_out():
    """One line about the others; "" where there are none."""
    missing = [
        f"{name} (the package {lacking(name)} is not installed)" for name in PAPER if lacking(name)
    ]
    return f"left out: {', '.join(missing)}" if missing else ""


def known(name):
    """The data set that goes by this name, however it is spelt, or None: "Fashion-MNIST" is fashion_mnist."""
    spelt = re.sub("[^a-z0-9]", "", (name or "").lower())
    return next((one for one in DATASETS if one.replace("_", "") == spelt), None)


def preset_of(dataset, channels):
    return known(dataset) or ("mnist" if channels == 1 else "cifar10")


def setting(name, preset, epsilon=None):
    """(norm, epsilon, settings) of an attack; refuses what cannot be run before anything is computed."""
    if name not in ATTACKS:
        raise Unsuitable(f"{name}: no such attack; there are {', '.join(ATTACKS)}")
    if lacking(name):
        raise Unsuitable(
            f"{name} needs the package {lacking(name)}, which is not installed; without it there are {', '.join(runnable())}"
        )
    _, norm, settings = ATTACKS[name]
    usual = 0.17 if name == "linf_pgd_0.17" else DATASETS[preset]["epsilon"][norm]
    return (
        norm,
        usual if epsilon is None else epsilon,
        {**settings, **DATASETS[preset].get(name, {})},
    )


def for_classes(name, settings, classes):
    """Of a victim with so many classes."""
    if name != "autoattack":
        return settings
    if classes < 4:  # what its targeted loss takes the four largest logits of
        raise Unsuitable(
            f"autoattack needs a victim of at least 4 classes, this one has {classes}; --attacks chooses others"
        )
    return {**settings, "n_target_classes": min(9, classes - 1)}


@contextlib.contextmanager
def listening(said):
    """What a package prints and warns of becomes keys of `said`: it would stand in the progress bar, and in the output."""
    with contextlib.redirect_stdout(io.StringIO()) as text, warnings.catch_warnings(
        record=True
    ) as caught:
        yield
    said.update(
        dict.fromkeys(
            [line for line in text.getvalue().splitlines() if line.strip()]
            + [line_of(one.message) for one in caught]
        )
    )


def run(name, model, x, labels, norm, epsilon, settings, seed, said):
    """One batch; (images, source)."""
    with listening(said):
        found, source = (
            by_autoattack if name == "autoattack" else by_foolbox if installed("foolbox") else own
        )(name, model, x, labels, norm, epsilon, settings, seed)
    return (
        found.detach().clamp(0, 1),
        source,
    )  # barydef takes nothing below 0, were it by a rounding


def by_autoattack(name, model, x, labels, norm, epsilon, settings, seed):
    from autoattack import AutoAttack

    attack = AutoAttack(
        model,
        norm={"linf": "Linf", "l2": "L2"}[norm],
        eps=epsilon,
        seed=seed,
        verbose=False,
        device="cpu",
        version=settings["version"],
    )
    attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = settings[
        "n_target_classes"
    ]
    return (
        attack.run_standard_evaluation(x, labels, bs=len(x)),
        f"autoattack (fra31/auto-attack) {written(settings)}; seed={seed}",
    )


def by_foolbox(name, model, x, labels, norm, epsilon, settings, seed):
    import foolbox
    import torch

    torch.manual_seed(seed)  # Foolbox draws its random starts from PyTorch's generator
    kind = ATTACKS[name][0]
    attack = getattr(foolbox.attacks, kind)(**settings)
    raw, clipped, _ = attack(
        foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), x, labels, epsilons=epsilon
    )
    if (
        name == "l2_carlini_wagner"
    ):  # where it finds nothing it returns black, which is clipped to a darker image
        clipped = torch.where(raw.flatten(1).any(1).view(-1, 1, 1, 1), clipped, x)
    return clipped, f"foolbox {foolbox.__version__} {kind}({written(settings)})"


def own(name, model, x, labels, norm, epsilon, settings, seed):
    import torch

    import attacks

    kind, options, noted, words = OWN[name], {}, {}, ""
    if kind == "pgd":
        noted = {"steps": settings["steps"], "step": settings["rel_stepsize"] * epsilon}
        options, words = {"generator": torch.Generator().manual_seed(seed)}, ", no early stop"
    elif kind == "deepfool":
        noted = {"steps": settings["steps"], "overshoot": settings["overshoot"]}
    found = getattr(attacks, kind)(model, x, labels, epsilon, norm, **noted, **options)
    return found, f"barydef's own {kind}({written({'norm': norm, **noted})}{words})"


def written(settings):
    return ", ".join(
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in settings.items()
    )
