"""Stands in for AutoAttack: its signature, and what it refuses, prints and returns.

It attacks nothing. Images that are classified rightly go down by half of
epsilon, as if that fooled the model, and the others stay as they are."""

import types

import torch


class AutoAttack:
    def __init__(
        self,
        model,
        norm="Linf",
        eps=0.3,
        seed=None,
        verbose=True,
        attacks_to_run=[],
        version="standard",
        is_tf_model=False,
        device="cuda",
        log_path=None,
    ):
        assert norm in ("Linf", "L2", "L1") and not is_tf_model
        if version != "custom" and attacks_to_run != []:
            raise ValueError("attacks_to_run are those of the version")
        self.model, self.norm, self.epsilon, self.seed, self.verbose, self.version, self.device = (
            model,
            norm,
            eps,
            seed,
            verbose,
            version,
            device,
        )
        self.attacks_to_run = (
            ["apgd-ce", "apgd-t", "fab-t", "square"] if version == "standard" else attacks_to_run
        )
        self.apgd_targeted, self.fab = types.SimpleNamespace(
            n_target_classes=9
        ), types.SimpleNamespace(n_target_classes=9)

    def run_standard_evaluation(self, x_orig, y_orig, bs=250, return_labels=False):
        targets = self.apgd_targeted.n_target_classes, self.fab.n_target_classes
        if self.verbose:
            print(f"using {self.version} version including {', '.join(self.attacks_to_run)}")
        # Its warnings are printed whatever `verbose` is.
        print("Warning: there are 2 points with zero gradient!")
        with torch.no_grad():
            output = self.model(x_orig)
            if max(targets) + 1 > output.shape[1]:
                print("Warning: it seems that more target classes than possible are used!")
            order, largest = output.sort(dim=1)[::-1]
            for target in range(2, max(targets) + 2):
                order[:, -target]  # IndexError: as many classes are tried
            largest[:, -4]  # what the targeted loss divides by
            right = output.argmax(1) == y_orig
            x_adv = torch.where(
                right.view(-1, 1, 1, 1), (x_orig - 0.5 * self.epsilon).clamp(0, 1), x_orig
            )
            return (x_adv, self.model(x_adv).argmax(1)) if return_labels else x_adv
