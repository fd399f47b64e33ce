"""Stands in for Foolbox 3: the signatures that the package calls, what they refuse and return.

It records the calls and attacks nothing. Attacks of a fixed size go up by half of epsilon. Those
that look for the smallest perturbation go to the negative, far out of the ball, or, every third
image, find nothing."""

import json
import os
import warnings

import torch

__version__ = "3.fake"


def record(**call):
    with open(os.environ["FAKES_RECORD"], "a") as file:
        file.write(json.dumps(call) + "\n")


class PyTorchModel:
    def __init__(self, model, bounds, device=None, preprocessing=None):
        if not isinstance(model, torch.nn.Module):
            raise ValueError("no module")
        if model.training:
            warnings.warn("the model is in training mode")
        self.model, self.bounds, self.device = model, bounds, device

    def __call__(self, inputs):
        with torch.set_grad_enabled(inputs.requires_grad):
            return self.model(inputs)


def clip_perturbation(inputs, perturbed, epsilon, norm):
    """Clips to the ball about the inputs. Both are within the bounds of the model anyway."""
    change = perturbed - inputs
    if norm == "linf":
        return inputs + change.clamp(-epsilon, epsilon)
    return inputs + change * (epsilon / change.flatten(1).norm(dim=1).clamp_min(1e-12)).clamp_max(
        1
    ).view(-1, 1, 1, 1)


class Attack:
    def __call__(self, model, inputs, criterion, *, epsilons, **kwargs):
        """With one epsilon: (raw, clipped, success), each of the batch."""
        if kwargs:
            raise TypeError(f"unexpected {kwargs}")
        if criterion.shape != (len(inputs),):
            raise ValueError("a label for each image is expected")
        assert (
            model.bounds[0] <= inputs.min()
            and inputs.max() <= model.bounds[1]
            and criterion.dtype == torch.int64
            and isinstance(epsilons, float)
        )
        record(
            attack=type(self).__name__,
            settings=vars(self),
            epsilon=epsilons,
            bounds=list(model.bounds),
            images=len(inputs),
            seed=torch.initial_seed(),
        )
        raw = self.run(model, inputs, epsilons).clamp(*model.bounds)
        clipped = clip_perturbation(inputs, raw, epsilons, self.norm)
        return raw, clipped, model(clipped).argmax(1) != criterion

    def run(self, model, inputs, epsilon):
        return inputs + 0.5 * epsilon / (1 if self.norm == "linf" else inputs[0].numel() ** 0.5)


class ProjectedGradientDescent(Attack):
    def __init__(self, rel_stepsize, abs_stepsize, steps, random_start):
        self.rel_stepsize, self.abs_stepsize, self.steps, self.random_start = (
            rel_stepsize,
            abs_stepsize,
            steps,
            random_start,
        )


class LinfProjectedGradientDescentAttack(ProjectedGradientDescent):
    norm = "linf"

    def __init__(self, *, rel_stepsize=0.01 / 0.3, abs_stepsize=None, steps=40, random_start=True):
        super().__init__(rel_stepsize, abs_stepsize, steps, random_start)


class L2ProjectedGradientDescentAttack(ProjectedGradientDescent):
    norm = "l2"

    def __init__(self, *, rel_stepsize=0.025, abs_stepsize=None, steps=50, random_start=True):
        super().__init__(rel_stepsize, abs_stepsize, steps, random_start)


class LinfFastGradientAttack(ProjectedGradientDescent):
    norm = "linf"

    def __init__(self, *, random_start=False):
        super().__init__(1.0, None, 1, random_start)


class DeepFoolAttack(Attack):
    def __init__(self, *, steps=50, candidates=10, overshoot=0.02, loss="logits"):
        if candidates is not None and candidates < 2:
            raise ValueError("two candidates at least")
        self.steps, self.candidates, self.overshoot, self.loss = steps, candidates, overshoot, loss

    def run(self, model, inputs, epsilon):
        """Where it fails, it gives how far it came."""
        raw = 1 - inputs
        raw[::3] = inputs[::3]
        return raw


class LinfDeepFoolAttack(DeepFoolAttack):
    norm = "linf"


class L2DeepFoolAttack(DeepFoolAttack):
    norm = "l2"


class L2CarliniWagnerAttack(Attack):
    norm = "l2"

    def __init__(
        self,
        binary_search_steps=9,
        steps=10000,
        stepsize=1e-2,
        confidence=0,
        initial_const=1e-3,
        abort_early=True,
    ):
        self.binary_search_steps, self.steps, self.stepsize = binary_search_steps, steps, stepsize
        self.confidence, self.initial_const, self.abort_early = (
            confidence,
            initial_const,
            abort_early,
        )

    def run(self, model, inputs, epsilon):
        """Where it fails, it gives zeros."""
        raw = 1 - inputs
        raw[::3] = 0
        return raw


class attacks:
    LinfPGD, L2PGD, FGSM = (
        LinfProjectedGradientDescentAttack,
        L2ProjectedGradientDescentAttack,
        LinfFastGradientAttack,
    )
    LinfDeepFoolAttack, L2DeepFoolAttack, L2CarliniWagnerAttack = (
        LinfDeepFoolAttack,
        L2DeepFoolAttack,
        L2CarliniWagnerAttack,
    )
