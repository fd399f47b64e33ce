"""Texts of files that others made are no more than text to a terminal or a page."""

import os
import re
import shutil
import unittest

from inputs import random_images, write_set
from support import DEMO_SET, RunTest, purify
from package import command, tool
from sweep import DIGITS_JOB, rows_of

import h5py
import numpy as np
from barydef.result import Result


class HostileTexts(RunTest):
    def test_names_that_are_html_formulas_or_markdown_stay_text(self):
        """A downloaded set may have names that are HTML, formulas or Markdown.

        It may also have an attack of which no image can be purified."""
        images = random_images(9, 3, 12, 12)
        images[2] = np.nan
        names = {
            "all failed": np.full_like(images, np.nan),
            "<img src=x onerror=alert(1)>": images,
            "a$x_{$|b' x='": images,
            'q"&%': images,
        }
        path = os.path.join(self.folder, "hostile.h5")
        write_set(path, names)
        with h5py.File(path, "a") as file:
            file.attrs["dataset"] = "<script>alert(1)</script>"
        made = purify(
            self.folder,
            {"input.file": path, "solver.iterations": "2, 5", "sweep.solver.gamma": "0.1, 1"},
            output="hostile-result.h5",
            status=3,
        )
        page = command("report", made).stdout.strip()
        with open(page) as file:
            text = file.read()
        self.assertNotIn("<script", text)
        self.assertNotIn("<img src=x", text)
        self.assertEqual(set(re.findall(r"<img ([a-z]+)=", text)), {"src"})
        folder = os.path.dirname(page)
        for link in re.findall(r"href='([^']+)'", text):
            self.assertIn(link, os.listdir(folder))
        rows = {row["attack"]: row for row in rows_of(os.path.join(folder, "changes.csv"))}
        self.assertEqual((rows["all failed"]["failed"], rows['q"&%']["failed"]), ("9", "1"))
        self.assertLess(float(rows['q"&%']["mass defect, most"]), 1e-12)
        with open(os.path.join(folder, "changes.md")) as file:
            lines = file.read().splitlines()
        self.assertEqual(
            ({len(re.findall(r"(?<!\\)\|", line)) for line in lines[2:]}, lines[1]), ({12}, "")
        )
        self.assertNotIn("<", "".join(lines))

    def test_texts_that_would_drive_a_terminal_are_cleaned(self):
        """No control characters are written, whatever the author of a result called things.

        Names of attributes are no HTML, either."""
        attack, tag = "\033[31mX", "solver.'><img src=x onerror=alert(1)>"
        inputs, path = shutil.copy(DEMO_SET, os.path.join(self.folder, "driving-set.h5")), purify(
            self.folder,
            {**DIGITS_JOB, "input.limit": 30, "solver.iterations": 5, "sweep.solver.theta": 10},
            output="driving.h5",
        )
        with h5py.File(inputs, "a") as file:
            file["attacks"].move("fgsm", attack)
        with h5py.File(path, "a") as file:
            for run, group in file["runs"].items():
                group.move("fgsm", attack)
                group.attrs.update(
                    {
                        "solver.cost": f"l{run}\033]0;pwn\007\n\u202e",
                        "victim.file": "\033[2J.pt",
                        tag: float(run),
                    }
                )
            rows, job = file["statistics"][:], file.attrs["job"].decode()
            rows["attack"][rows["attack"] == b"fgsm"] = attack.encode()
            rows["norm"] = b"l\x9b2\033"
            file["statistics"][:] = rows
            file.attrs.update(
                attacks=file.attrs["attacks"].decode().replace("fgsm", attack),
                dataset="d\033c\n",
                job=f"{job}\033c",
                hosts=np.bytes_(b"\xff\x07"),
            )
        self.assertEqual(Result(path).swept, ["solver.cost", "solver.gamma"])
        done = command(
            "report",
            path,
            "--input",
            inputs,
            "--use-victim-of-result",
            "--attack",
            "?[31mX",
            "--attack",
            "clean",
        )
        page, said = done.stdout.strip(), [
            done.stdout,
            done.stderr,
            tool("best_run", path).stdout,
        ]
        names = os.listdir(os.path.dirname(page))
        self.assertIn("gallery-__31mX.png", names)
        for name in names:
            if not name.endswith("png"):
                with open(os.path.join(os.path.dirname(page), name), newline="") as file:
                    said.append(file.read())
        self.assertEqual(len(said), 3 + sum(not name.endswith("png") for name in names))
        for one in said:
            self.assertEqual(
                re.findall(r"[^\n\r\t\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff]", one), []
            )
        with open(page) as file:
            text = file.read()
        self.assertEqual(set(re.findall(r"<img src=(.....)", text)), {"'data"})
        self.assertNotIn("onerror", text)
        self.assertIn("victim]\nfile", text)
        self.assertEqual(
            [
                row["cost"]
                for row in rows_of(os.path.join(os.path.dirname(page), "runs.csv"))
                if row["cost"]
            ],
            [f"l00{i}?]0;pwn???" for i in range(3)],
        )
        self.assertRegex(said[2], r"(?s)cost l00\d\?\]0;pwn\?\?\?.*\| \?\[31mX \|")
        with h5py.File(path, "a") as file:
            file.attrs["attacks"] = f"{attack}/\x07[31mX/clean"
        self.assertIn("two of its attacks have one name", command("report", path, status=2).stderr)
        with h5py.File(path, "a") as file:
            file["runs"].move("000", "\x1f000")
        self.assertIn(
            "its runs have other names than numbers", command("report", path, status=2).stderr
        )


if __name__ == "__main__":
    unittest.main()
