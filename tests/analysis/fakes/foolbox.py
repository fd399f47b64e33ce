"""Stands in for Foolbox 3: the public signatures of what analysis/presets.py calls, and a record of the calls.  It attacks nothing."""

import json
import os

__version__ = "3.fake"


def record(**call):
    with open(os.environ["FAKES_RECORD"], "a") as file:
        file.write(json.dumps(call) + "\n")


class PyTorchModel:
    def __init__(self, model, bounds, device=None, preprocessing=None):
        import torch
        assert isinstance(model, torch.nn.Module) and not model.training, "the real one refuses or warns"
        self.model, self.bounds, self.device = model, bounds, device


class Attack:
    def __call__(self, model, inputs, criterion, *, epsilons, **kwargs):
        import torch
        assert isinstance(model, PyTorchModel) and not kwargs and len(criterion) == len(inputs) and criterion.dtype == torch.int64
        record(attack=type(self).__name__, settings=self.settings, epsilon=epsilons, bounds=list(model.bounds), images=len(inputs), seed=torch.initial_seed())
        raw, clipped = inputs + 2, (inputs + 0.5 * epsilons).clamp(0, 1)  # only the second is inside the ball
        return raw, clipped, torch.ones(len(inputs), dtype=torch.bool)


def settings(names):
    return {name: value for name, value in names.items() if name not in ("self", "__class__")}


class attacks:
    class LinfPGD(Attack):
        def __init__(self, *, rel_stepsize=0.01 / 0.3, abs_stepsize=None, steps=40, random_start=True):
            self.settings = settings(locals())

    class L2PGD(Attack):
        def __init__(self, *, rel_stepsize=0.025, abs_stepsize=None, steps=50, random_start=True):
            self.settings = settings(locals())

    class FGSM(Attack):
        def __init__(self, *, random_start=False):
            self.settings = settings(locals())

    class LinfDeepFoolAttack(Attack):
        def __init__(self, *, steps=50, candidates=10, overshoot=0.02, loss="logits"):
            self.settings = settings(locals())

    class L2DeepFoolAttack(LinfDeepFoolAttack):
        pass

    class L2CarliniWagnerAttack(Attack):
        def __init__(self, binary_search_steps=9, steps=10000, stepsize=1e-2, confidence=0, initial_const=1e-3, abort_early=True):
            self.settings = settings(locals())
