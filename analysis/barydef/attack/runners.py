"""Runs an attack by Foolbox or AutoAttack."""

import contextlib
import io
import warnings
from collections import namedtuple

from ..errors import line_of
from .presets import ATTACKS

# x: images [n,C,H,W] in [0,1]; labels: their classes [n]
Batch = namedtuple("Batch", "x labels")


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


def run(setting, model, batch, seed, said):
    """(images, source) of an attack on one Batch, by a presets.Setting."""
    how = by_autoattack if setting.name == "autoattack" else by_foolbox
    with listening(said):
        found, source = how(setting, model, batch, seed)
    return found.detach().clamp(0, 1), source  # rounding may leave [0,1], which barydef refuses


def by_autoattack(setting, model, batch, seed):
    from autoattack import AutoAttack

    attack = AutoAttack(
        model,
        norm={"linf": "Linf", "l2": "L2"}[setting.norm],
        eps=setting.epsilon,
        seed=seed,
        verbose=False,
        device="cpu",
        version=setting.options["version"],
    )
    targets = setting.options["n_target_classes"]
    attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = targets
    return (
        attack.run_standard_evaluation(batch.x, batch.labels, bs=len(batch.x)),
        f"autoattack (fra31/auto-attack) {written(setting.options)}; seed={seed}",
    )


def by_foolbox(setting, model, batch, seed):
    import foolbox
    import torch

    torch.manual_seed(seed)  # Foolbox draws its random starts from PyTorch's generator
    kind = ATTACKS[setting.name][0]
    attack = getattr(foolbox.attacks, kind)(**setting.options)
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    raw, clipped, _ = attack(wrapped, batch.x, batch.labels, epsilons=setting.epsilon)
    if setting.name == "l2_carlini_wagner":
        # Where it finds nothing it returns black, which is clipped to a darker image.
        clipped = torch.where(raw.flatten(1).any(1).view(-1, 1, 1, 1), clipped, batch.x)
    return clipped, f"foolbox {foolbox.__version__} {kind}({written(setting.options)})"


def written(settings):
    return ", ".join(
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in settings.items()
    )
