"""Stands in for AutoAttack: its public signature, and a record of the calls.  It attacks nothing."""

from foolbox import record


class AutoAttack:
    def __init__(self, model, norm="Linf", eps=.3, seed=None, verbose=True, attacks_to_run=[], version="standard", is_tf_model=False, device="cuda", log_path=None):
        assert norm in ("Linf", "L2", "L1") and not is_tf_model
        self.settings = {"norm": norm, "seed": seed, "version": version, "device": device}
        self.epsilon = eps

    def run_standard_evaluation(self, x_orig, y_orig, bs=250, return_labels=False):
        assert len(x_orig) == len(y_orig) and not return_labels
        record(attack="AutoAttack", settings=self.settings, epsilon=self.epsilon, images=len(x_orig))
        return (x_orig - 0.5 * self.epsilon).clamp(0, 1)
