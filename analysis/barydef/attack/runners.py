"""Runs an attack by the best that is installed: Foolbox, AutoAttack, or attacks of our own."""

import contextlib
import io
import warnings

from ..errors import line_of
from .presets import ATTACKS, OWN, installed


@contextlib.contextmanager
def listening(said):
    """Catch what a package prints and warns of as keys of `said`.

    It would spoil the progress bar and the output."""
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
    """Attack one batch; (images, source)."""
    how = own_attack
    if name == "autoattack":
        how = by_autoattack
    elif installed("foolbox"):
        how = by_foolbox
    with listening(said):
        found, source = how(name, model, x, labels, norm, epsilon, settings, seed)
    return found.detach().clamp(0, 1), source  # rounding may leave [0,1], which barydef refuses


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
    if name == "l2_carlini_wagner":
        # Where it finds nothing it returns black, which is clipped to a darker image.
        clipped = torch.where(raw.flatten(1).any(1).view(-1, 1, 1, 1), clipped, x)
    return clipped, f"foolbox {foolbox.__version__} {kind}({written(settings)})"


def own_attack(name, model, x, labels, norm, epsilon, settings, seed):
    import torch

    from . import own

    kind, options, noted, words = OWN[name], {}, {}, ""
    if kind == "pgd":
        noted = {"steps": settings["steps"], "step": settings["rel_stepsize"] * epsilon}
        options, words = {"generator": torch.Generator().manual_seed(seed)}, ", no early stop"
    elif kind == "deepfool":
        noted = {"steps": settings["steps"], "overshoot": settings["overshoot"]}
    found = getattr(own, kind)(model, x, labels, epsilon, norm, **noted, **options)
    return found, f"barydef's own {kind}({written({'norm': norm, **noted})}{words})"


def written(settings):
    return ", ".join(
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in settings.items()
    )
