"""Tables tell what attackers knew, and what is right under all of them, where a result has it."""

import os
import re
import unittest

from package import command, tool
from support import DEMO_SET, DEMO_VICTIM, RunTest, need_victim, purify
from sweep import rows_of

import numpy as np
from barydef import published
from barydef.hdf5 import open_file
from barydef.result import Result
from barydef.selection import is_second

JOB = {
    "input.file": DEMO_SET,
    "input.attacks": "linf_pgd",
    "input.limit": 40,
    "victim.file": DEMO_VICTIM,
    "solver.iterations": 3,
    "sweep.solver.gamma": "0.5, 2",
    "attack transfer.type": "fgsm",
    "attack fgsm.type": "fgsm",
    "attack fgsm.through": "purified",
    "attack cheap.type": "fgsm",
    "attack cheap.through": "purified",
    "attack cheap.gradient": "mean",
    "attack blur.type": "fgsm",
    "attack blur.through": "blurred",
}
KNOWN = {
    "linf_pgd": ("", ""),
    "transfer": ("victim", ""),
    "fgsm": ("purified", "exact"),
    "cheap": ("purified", "mean"),
    "blur": ("blurred", ""),
    "clean": ("", ""),
}


class Knowledge(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.path = purify(cls.folder, JOB)
        cls.result, cls.file = Result(cls.path), open_file(cls.path)
        cls.addClassCleanup(cls.file.close)
        cls.report = os.path.join(cls.folder, "report")
        command("report", cls.path, cls.report)

    def right(self, run, attack, field="purified"):
        table = self.file[f"runs/{run}/{attack}/per_image"][:]
        return (table["status"] == 0) & (table[f"predicted_{field}"] == self.file["labels"][:])

    def worst(self, run, field="purified", images=slice(None)):
        """In percent, as it stands in a table."""
        right = np.logical_and.reduce([self.right(run, attack, field)[images] for attack in KNOWN])
        return f"{100 * right.mean():.1f}"

    def test_attributes_are_read(self):
        self.assertEqual(self.result.knowledge, KNOWN)
        self.assertEqual(self.result.adaptive(), ["fgsm", "cheap"])

    def test_accuracies_tell_what_was_known(self):
        for run in "000", "001":
            *rows, last = rows_of(os.path.join(self.report, f"accuracy-{run}.csv"))
            told = {row["attack"]: (row["through"], row["gradient"]) for row in rows}
            self.assertEqual(told, KNOWN)
            for row in rows:
                share = 100 * self.right(run, row["attack"]).mean()
                self.assertEqual(row["barycenter"], f"{share:.1f}")
            self.assertEqual(last["attack"], "worst case")
            for column, field in {
                "attacked": "attacked",
                "8 bits": "rounded",
                "blurred 0.5": "blurred",
                "mean of marginals": "mean",
                "barycenter": "purified",
            }.items():
                self.assertEqual(last[column], self.worst(run, field), column)
            self.assertLess(float(last["95 % low"]), float(last["barycenter"]) + 0.1)
            self.assertGreater(float(last["95 % high"]), float(last["barycenter"]))

    def test_runs_have_their_worst_case(self):
        """What was made anew for each run is not said to be the same for all of them."""
        rows = {row["run"]: row for row in rows_of(os.path.join(self.report, "runs.csv"))}
        self.assertEqual(sorted(rows), ["000", "001"])
        for run, row in rows.items():
            self.assertEqual(row["worst case"], self.worst(run))
            shares = [self.right(run, one, "attacked").mean() for one in KNOWN if one != "clean"]
            self.assertEqual(row["attacked, mean of attacks"], f"{100 * np.mean(shares):.1f}")

    def test_the_best_run_is_shown_with_both(self):
        done = tool("best_run", self.path)
        lines = [line for line in done.stdout.split("\n") if line.startswith("| ")]
        head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        self.assertEqual(head[:2], ["attack", "through"])
        told = {row[0]: row[1] for row in rows[:-1]}
        self.assertEqual(told, {one: ", ".join(filter(None, two)) for one, two in KNOWN.items()})
        run = done.stdout.split("run ")[1][:3]
        second = is_second(self.file["labels"][:])
        self.assertEqual(rows[-1][0], "worst case")
        self.assertEqual(rows[-1][head.index("barycenter")], self.worst(run, images=second))

    def test_the_page_says_who_knows(self):
        with open(os.path.join(self.report, "report.html")) as file:
            page = file.read()
        self.assertIn("fgsm, cheap know of the purifier", page)
        cheap = [row["trust"].decode() for row in self.result.rows if row["attack"] == b"cheap"]
        self.assertEqual(re.findall(r"Trust in cheap: ([^.<]*)\.", page), cheap)
        self.assertRegex(cheap[0], "^(with care|no): ")
        self.assertNotIn("Trust in clean", page)
        self.assertNotIn("no attack here knows", page)
        self.assertIn("<td>purified, mean</td>", page)

    def test_the_papers_figures_do_not_stand_beside_them(self):
        """The paper has an attack fgsm of this bound, which knows nothing."""
        result = Result(self.path)
        self.addCleanup(result.close)
        result.dataset = "mnist"
        self.assertEqual(sorted(published.figures(result)), ["clean", "linf_pgd"])

    def test_a_result_without_them_has_none_of_this(self):
        job = {name: value for name, value in JOB.items() if not name.startswith("attack ")}
        path = purify(self.folder, job, output="plain.h5")
        folder = os.path.join(self.folder, "plain")
        command("report", path, folder)
        for name in os.listdir(folder):
            if name.endswith((".csv", ".html")):
                with open(os.path.join(folder, name)) as file:
                    text = file.read()
                for word in "through", "worst case", "Worst case":
                    self.assertNotIn(word, text.split("<summary>The job")[0], name)


if __name__ == "__main__":
    unittest.main()
