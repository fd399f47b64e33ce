"""The paper's figures stand beside attacks with the paper's name, norm and epsilon alone."""

import types
import unittest

from support import RunTest

import numpy as np
from barydef import published
from barydef.attack import presets


class Published(RunTest):
    def test_paper_figures_stand_by_attacks_of_the_same_norm_and_epsilon(self):
        """An attack of another name, norm or epsilon is another attack.

        Where a set does not tell these, the figures are shown but nothing is concluded."""

        def of(dataset, **bounds):
            result = types.SimpleNamespace(dataset=dataset, attacks=list(bounds), bound=bounds.get)
            found = published.figures(result)
            return (
                {attack: published.cells(found, attack) for attack in found},
                list(published.figures(result, surely=True)),
                published.unsure(result),
                published.note(result).removeprefix(published.NOTE),
            )

        here = {
            "autoattack": ("linf", 0.1),
            "linf_pgd_0.17": ("linf", 0.17),
            "clean": ("none", 0.0),
        }
        for dataset in "MNIST", "mnist":
            self.assertEqual(
                of(dataset, **here),
                (
                    {
                        "autoattack": ["9.13", "", "28.12"],
                        "clean": ["99.0", "98.3", "98.9"],
                    },
                    ["autoattack", "clean"],
                    [],
                    "",
                ),
            )
        self.assertEqual(
            of(
                "Fashion-MNIST",
                l2_carlini_wagner=("l2", 1.0),
                autoattack=("linf", float(np.float32(0.1))),
            )[:2],
            (
                {
                    "l2_carlini_wagner": ["14.14", "", "80.44"],
                    "autoattack": ["0.6", "", "2.75"],
                },
                ["l2_carlini_wagner", "autoattack"],
            ),
        )
        for dataset in "CIFAR-10", "cifar10", "CIFAR 10":
            self.assertEqual(
                of(dataset, fgsm=("linf", 0.0314), linf_growing=("linf", 0.0)),
                (
                    {"fgsm": ["37.48", "", "43.11"], "linf_growing": ["0", "55.7", "53.8"]},
                    ["fgsm", "linf_growing"],
                    [],
                    "",
                ),
            )
        self.assertEqual(of("digits", **here), ({}, [], [], ""))
        for other in (
            ("linf", 0.3),
            ("linf", 0.17),
            ("linf", np.inf),
            ("linf", 0.0),
            ("l2", 0.1),
            ("l2", np.nan),
            ("unknown", 0.3),
        ):
            self.assertEqual(of("MNIST", fgsm=other), ({}, [], ["fgsm"], ""), other)
        for unknown in ("linf", np.nan), ("unknown", np.nan), ("", np.nan), ("unknown", 0.1):
            self.assertEqual(
                of("MNIST", fgsm=unknown),
                (
                    {"fgsm": ["71.75", "", "74.96"]},
                    [],
                    ["fgsm"],
                    " Norm or epsilon of fgsm are not known here, and may be others than the "
                    "paper's.",
                ),
                unknown,
            )

    def test_every_table_of_the_paper_is_on_record(self):
        """Tables I to V have 4 rows of two attacks, and 6, 6, 6 and 3 attacks."""
        rows = {name: len(attacks) for name, attacks in published.FIGURES.items()}
        self.assertEqual(rows, {"mnist": 8, "fashion_mnist": 8, "cifar10": 8, "cifar100": 5})
        for attacks in published.FIGURES.values():
            for attack, row in attacks.items():
                self.assertEqual(row.b4 is not None, attack in ("clean", "linf_growing"), attack)

    def test_the_papers_attacks_are_those_of_the_presets(self):
        for dataset, attacks in published.FIGURES.items():
            for attack, (norm, epsilon, *_) in attacks.items():
                if attack not in ("clean", "linf_growing"):  # which have no bound of their own
                    self.assertEqual(
                        (presets.ATTACKS[attack][1], presets.DATASETS[dataset]["epsilon"][norm]),
                        (norm, epsilon),
                    )


if __name__ == "__main__":
    unittest.main()
