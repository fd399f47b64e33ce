"""The baselines of a report are those that /statistics has numbers of, by whatever names."""

import os
import shutil
import unittest

from support import need_victim
from sweep import ATTACKS, Sweep

import h5py
import numpy as np
from barydef import best_run, selection, views
from barydef.report import data, figures, make, tables, words
from barydef.result import Result


class Views(Sweep):
    """The result has a column of nothing, one of an unknown name, and one of a view named later."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        path = shutil.copy(cls.path, os.path.join(cls.folder, "views.h5"))
        with h5py.File(path, "a") as file:
            rows = file["statistics"][:]
            rows["blurred_accuracy"] = np.nan
            more = [(f"{name}_accuracy", "f8") for name in ("median", "wavelet")]
            wide = np.zeros(
                rows.shape, [(name, rows.dtype[name]) for name in rows.dtype.names] + more
            )
            for name in rows.dtype.names:
                wide[name] = rows[name]
            wide["median_accuracy"], wide["wavelet_accuracy"] = 0.25, np.linspace(0, 1, len(rows))
            del file["statistics"]
            file["statistics"] = wide
        cls.views = Result(path)

    def test_a_baseline_that_was_not_asked_for_is_left_out(self):
        self.assertEqual(self.views.baselines, ["rounded", "mean", "median", "wavelet"])
        self.assertEqual(self.result.baselines, ["rounded", "blurred", "mean"])
        head = tables.accuracies(self.views, "000", ATTACKS)[0]
        self.assertEqual(
            head[3:9],
            ["attacked", "8 bits", "mean of marginals", "median", "wavelet", "barycenter"],
        )
        self.assertEqual(tables.accuracies(self.views, "000", ATTACKS)[1][6], "25.0")
        rows, before = tables.all_runs(self.views, ATTACKS)
        self.assertEqual([row[0] for row in rows[1:before]], ["attacked", "8 bits", "median"])
        self.assertEqual(rows[0][-1], "wavelet, mean of attacks")

    def test_an_unknown_name_is_its_own_label(self):
        self.assertEqual(
            [views.label_of(name) for name in ("attack", "jpeg", "wavelet")],
            ["attacked", "JPEG", "wavelet"],
        )

    def test_words_and_figures_have_the_same_baselines(self):
        said = words.summary(self.views, "000")
        self.assertIn("median 25.0 %, wavelet ", said)
        self.assertNotIn("blurred", said)
        self.assertNotIn("nan", said)
        found = data.front(self.views)
        self.assertEqual(
            list(found.baselines), ["attacked", "8 bits", "mean of marginals", "median", "wavelet"]
        )
        labels = {line.get_label() for line in figures.front(found, 0, "words").axes[0].lines}
        self.assertTrue(set(found.baselines) <= labels)

    def test_the_best_run_stands_beside_them_without_a_blur(self):
        chosen = selection.best_run([self.views], half=0)
        self.assertEqual(best_run.blurs_beside([self.views], chosen), [])
        self.views.baselines, kept = ["rounded", "mean"], self.views.baselines
        self.addCleanup(setattr, self.views, "baselines", kept)
        rows = best_run.table(chosen, [], {})
        self.assertEqual(
            rows[0], ["attack", "attacked", "8 bits", "mean of marginals", "barycenter", "95 %"]
        )

    def test_a_report_shows_any_baseline(self):
        page = make.make(
            self.views.path,
            os.path.join(self.folder, "page"),
            shown=make.Shown(run="1", attacks=["fgsm"], count=2),
        )
        text = page.read_text()
        self.assertIn("wavelet: the baseline of this name.", text)
        self.assertNotIn("<th>blurred", text)


if __name__ == "__main__":
    unittest.main()
