"""The page of a report shows what was asked for, and is whole in a browser."""

import csv
import html
import os
import re
import shutil
import subprocess
import sys
import unittest
from unittest import mock

from support import DEMO_VICTIM, SOURCE, skip
from sweep import ATTACKS, Sweep

import h5py
import numpy as np
from barydef.report import figures, sections, tables
from barydef.report.page import NAMES
from barydef.report.make import Look, Shown, make


class Page(Sweep):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with h5py.File(shutil.copy(cls.path, os.path.join(cls.folder, "mnist.h5")), "a") as file:
            file.attrs["dataset"] = "MNIST"  # of which the paper has figures
            cls.mnist = file.filename
        cls.page = make(
            cls.mnist,
            os.path.join(cls.folder, "page"),
            shown=Shown(run="5", attacks=["linf_pgd", "clean"], count=4),
            look=Look(DEMO_VICTIM),
        )
        cls.text = cls.page.read_text()

    def test_run_and_attacks_can_be_chosen(self):
        names = os.listdir(self.page.parent)
        self.assertEqual(
            sorted(name for name in names if re.match(r"(accuracy|gallery)-.*(csv|svg)$", name)),
            ["accuracy-005.csv", "gallery-clean.svg", "gallery-linf_pgd.svg"],
        )
        for text in (
            "Run 005 is shown in detail, as asked for.",
            "Grad-CAM), linf_pgd",
            "best for each attack by itself",
            "may be of different runs",
            "(class ",
            f"Run 005: the victim classifies {self.mean('005', 'attacked'):.1f}&nbsp;% of",
            "means are over all attacks",
        ):
            self.assertIn(text, self.text)
        for name in "accuracy-005", "changes", "per-class", "runs":
            with open(self.page.parent / f"{name}.md") as file:
                table = file.read()
            self.assertIn("linf_pgd", table, name)
            self.assertNotIn("fgsm", table, name)
        for arguments, text in (
            (("--run", "8"), "no run 8 in it; there are 000 to 007"),
            (("--attack", "pgd"), "no attack pgd in it; there are fgsm, linf_pgd, clean"),
            (("--victim", "none.pt"), "none.pt: no such file"),
        ):
            done = subprocess.run(
                [sys.executable, os.path.join(SOURCE, "analysis"), "report", self.path, *arguments],
                capture_output=True,
                text=True,
            )
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn(text, done.stderr)

    def test_tables_name_images_and_parameters(self):
        run = (
            "Run 005: gamma 2, iterations 50, marginals B4, window 7, cost l1, theta 100000, "
            "tau 0.2."
        )
        self.assertEqual(
            self.having(solver_gamma="2", solver_iterations="50", marginals_set="B4"), ["005"]
        )
        for name, words in {
            "accuracy-005": run,
            "changes": run,
            "per-class": run,
            "grad-cam-similarity": run,
            "runs": "All runs: window 7, cost l1, theta 100000, tau 0.2.",
        }.items():
            for kind, first in ("md", r"(.*)\n\n\| "), (
                "tex",
                r"\\begin\{table\}\n\\centering\n\\caption\{(.*)\}\n\\label\{tab:" + name,
            ):
                with open(self.page.parent / f"{name}.{kind}") as file:
                    text = file.read()
                caption = re.search(first, text).group(1)
                self.assertRegex(
                    caption, r"^\w.*: MNIST, 60 images\. " + re.escape(words), f"{name}.{kind}"
                )
            self.assertIn(words, self.text)
        with open(self.page.parent / "runs.csv") as file:
            self.assertIn(
                'run,marginals,gamma,iterations,clean,mean of attacks,linf_pgd,"mean of '
                'marginals, mean of attacks"\n',
                file.read().replace("\r", ""),
            )
        with open(self.page.parent / "per-class.md") as file:
            self.assertIn("| class | images | clean | linf_pgd |\n", file.read())

    def test_the_papers_figures_stand_beside_its_attacks(self):
        """They are marked in every form of the table.

        The interval is one column on the page."""
        with open(self.page.parent / "accuracy-005.csv") as file:
            head, *rows = csv.reader(file)
        self.assertEqual(head[-3:], ["paper: attacked", "paper: B4", "paper: B6"])
        self.assertEqual(
            {row[0]: row[-3:] for row in rows},
            {"linf_pgd": ["16.36", "", "31.75"], "clean": ["99.0", "98.3", "98.9"]},
        )
        low, high = (rows[0][head.index(f"95 % {end}")] for end in ("low", "high"))
        self.assertIn(f"<td>{low}-{high}</td>", self.text)
        for name, text in ("page", html.unescape(self.text)), *(
            (kind, (self.page.parent / f"accuracy-005.{kind}").read_text())
            for kind in ("md", "tex")
        ):
            self.assertIn(
                "barycenters are at its own setting, whatever run they stand beside",
                text,
                name,
            )
        self.assertNotIn(
            "paper: ",
            str(tables.accuracies(self.result, "005", ATTACKS)),
            "of a set that the paper has not",
        )
        with mock.patch.object(self.result, "dataset", "MNIST"):
            self.assertEqual(
                [row[-1] for row in tables.accuracies(self.result, "005", ATTACKS)],
                ["paper: B6", "74.96", "31.75", "98.9"],
            )
            self.assertNotIn("paper: ", str(tables.accuracies(self.result, "005", [])))
            for epsilon, figure in (0.3, ""), (np.nan, "74.96"):
                rows = self.result.rows.copy()
                rows["epsilon"][rows["attack"] == b"fgsm"] = epsilon
                with mock.patch.object(self.result, "rows", rows):
                    self.assertEqual(
                        [row[-1] for row in tables.accuracies(self.result, "005", ATTACKS)],
                        ["paper: B6", figure, "31.75", "98.9"],
                    )
        done = subprocess.run(
            [sys.executable, "-m", "barydef.best_run", self.mnist],
            capture_output=True,
            text=True,
        )
        self.assertRegex(done.stdout, r"at its own setting.*\n\n\| attack .*\| paper: B6 \|\n")

    def test_the_run_in_detail_is_marked_among_all(self):
        """It is shown even where it is not among those that the page has room for."""
        self.assertEqual(re.findall(r"<tr class=marked><td>(\w+)<", self.text), ["005"])
        self.assertIn("Run 005, which is shown in detail, is in bold.", self.text)
        worst = min(self.runs, key=self.mean)
        with mock.patch.object(sections, "LONGEST", 3):
            text = make(
                self.path,
                os.path.join(self.folder, "short"),
                shown=Shown(run=worst, attacks=["fgsm"], count=2),
            ).read_text()
        rows = re.findall(r"<tr(?: class=marked)?><td>(attacked|\d{3})<.*?</tr>", text)
        self.assertEqual((rows[0], len(rows), rows[-1]), ("attacked", 5, worst))
        self.assertRegex(
            text,
            "<tr><td>attacked</td><td></td><td></td><td></td>"
            f"<td>{self.mean('000', 'attacked'):.1f}</td>"
            f"<td>{self.percent('000', 'fgsm', 'attacked'):.1f}</td>",
        )
        self.assertRegex(
            text,
            f"<tr class=marked><td>{worst}<.*Run {worst}, which is shown in detail, is in bold at "
            "the end, since it is not one of these",
        )

    def test_an_earlier_report_is_replaced_and_nothing_else_is(self):
        """What the earlier report made goes. What others put there stays, whatever its name."""
        folder = shutil.copytree(self.page.parent, os.path.join(self.folder, "again"))
        old = {name for name in os.listdir(folder) if name != "wide.html"}
        self.assertEqual(set(re.findall("<a href='([^']+)'>", self.text)) | {"report.html"}, old)
        self.assertEqual([name for name in old if not NAMES.fullmatch(name)], ["report.html"])
        others = {"accuracy-009.csv", "gallery-mine.png", "notes.txt", "data.csv"}
        for name in others | {"../runs.csv"}:
            with open(os.path.join(folder, name), "w") as file:
                file.write("mine")
        with open(os.path.join(folder, "report.html"), "a") as file:
            file.write("<a href='data.csv'>csv</a><a href='../runs.csv'>csv</a>")
        text = make(self.path, folder, shown=Shown("4", ["fgsm"], 2)).read_text()
        self.assertEqual(
            set(os.listdir(folder)) - {"wide.html"},
            set(re.findall("<a href='([^']+)'>", text)) | {"report.html"} | others,
        )
        self.assertTrue(
            {"accuracy-005.csv", "gallery-linf_pgd.png", "grad-cam.svg", "accuracy-004.csv"}
            - set(os.listdir(folder))
            == {"accuracy-005.csv", "gallery-linf_pgd.png", "grad-cam.svg"}
        )
        self.assertTrue(os.path.exists(os.path.join(self.folder, "runs.csv")))
        with open(os.path.join(folder, "report.html"), "w") as file:
            file.write("<title>A page of another</title><a href='accuracy-009.csv'>csv</a>")
        make(self.path, folder, shown=Shown("4", ["fgsm"], 2))
        self.assertTrue(others <= set(os.listdir(folder)))

    def test_a_browser_shows_it_whole_at_any_width(self):
        """There is no error, every image is loaded, and nothing is wider than the window.

        Only tables may be wider, and scroll in their own box past the names of their rows. No
        window hides clean accuracy."""
        browser = shutil.which("chromium") or shutil.which("google-chrome")
        if not browser:
            skip("chromium is not installed")
        frames, page = os.path.join(self.folder, "frames.html"), self.page.parent / "wide.html"
        page.write_text(
            self.text.replace("linf_pgd", "l2_carlini_wagner")
        )  # the longest name of the presets
        with open(frames, "w") as file:
            file.write(
                "<body style='margin:0'>"
                + "".join(
                    f"<iframe src='{page.as_uri()}' "
                    f"style='border:0;width:{width}px;height:3000px'></iframe>"
                    for width in (1200, 800, 400)
                )
                + """<script>addEventListener('load', () => {
                       const frames = [...document.querySelectorAll('iframe')];
                       document.title = frames.map(frame => {
                       const page = frame.contentDocument, images = [...page.images];
                       const wide = page.documentElement.clientWidth;
                       const right = x => x.getBoundingClientRect().right;
                       const left = x => x.getBoundingClientRect().left;
                       const cut = [...page.body.querySelectorAll('*')].filter(
                         x => !x.closest('table, details') && right(x) > wide + 0.5);
                       const scrolled = [...page.querySelectorAll('.table')].filter(
                         x => x.scrollWidth > x.clientWidth);
                       const hidden = [...page.querySelectorAll('th')].filter(
                         x => x.textContent == 'clean' && right(x) > wide);
                       scrolled.forEach(x => x.scrollLeft = 1e6);
                       const loose = scrolled.filter(x => x.scrollLeft < 2 ||
                         [...x.querySelectorAll('td:first-child')].some(
                           y => Math.abs(left(y) - left(x)) > 1));
                       const loaded = images.filter(x => x.naturalWidth > 0);
                       return `${wide} wide ${images.length} images ${loaded.length} loaded ` +
                         `${cut.length} cut ${hidden.length} hidden ` +
                         `${loose.length} loose ${scrolled.length} scrolled`;
                       }).join(); })</script>"""
            )
        common = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            f"--user-data-dir={self.folder}/browser",
        ]
        done = subprocess.run(
            [
                *common,
                "--window-size=1300,3000",
                "--virtual-time-budget=5000",
                "--dump-dom",
                f"file://{frames}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        found = re.search(r"<title>(.*?)</title>", done.stdout)
        self.assertTrue(found, done.stdout[:300] + done.stderr[-500:])
        for wide, frame in zip((1200, 800, 400), found.group(1).split(",")):
            self.assertRegex(
                frame,
                rf"^{wide} wide (\d\d) images \1 loaded 0 cut 0 hidden 0 loose "
                + (
                    r"[1-9] scrolled"
                    if wide == 400
                    else r"\d scrolled"
                    if wide == 800
                    else "0 scrolled"
                ),
            )
        self.assertNotIn("CONSOLE", done.stderr)
        shot = os.path.join(self.folder, "shot.png")
        subprocess.run(
            [*common, "--window-size=1200,4000", f"--screenshot={shot}", self.page.as_uri()],
            capture_output=True,
            timeout=120,
        )
        picture = figures.plt.imread(shot)[..., :3]
        self.assertGreater(np.mean(picture < 0.5), 0.005, "a blank page")
        self.assertGreater(picture[:1500].std(), 0.05)


if __name__ == "__main__":
    unittest.main()
