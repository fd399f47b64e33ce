"""Figures of a report show the numbers that h5py reads in the result, and can be read."""

import unittest
from unittest import mock

from sweep import ATTACKS, Sweep

import numpy as np
from barydef.hdf5 import open_file
from barydef.report import data as report_data, figures


class Figures(Sweep):
    def test_lines_are_the_best_of_each_value_and_dots_every_run(self):
        for name, values in (
            ("solver.gamma", ["0.05", "2"]),
            ("solver.iterations", ["10", "50"]),
            ("marginals.set", ["B4", "B6"]),
        ):
            self.assertEqual(self.result.values(name), values)
            figure = figures.along(name, values, report_data.along(self.result, name))
            lines = {
                line.get_label(): line.get_ydata()
                for line in figure.axes[0].lines
                if line.get_label()[0] != "_"
            }
            self.assertEqual(list(lines), ATTACKS)
            for attack, line in lines.items():
                every = [
                    [
                        self.percent(run, attack)
                        for run in self.having(**{name.replace(".", "_", 1): value})
                    ]
                    for value in values
                ]
                self.assertEqual([len(some) for some in every], [4, 4])
                np.testing.assert_allclose(line, [max(some) for some in every])
                np.testing.assert_allclose(report_data.along(self.result, name)[attack][1], every)
            dots = sorted(
                y
                for line in figure.axes[0].lines
                if line.get_label()[0] == "_"
                for y in line.get_ydata()
            )
            np.testing.assert_allclose(
                dots, sorted(self.percent(run, attack) for run in self.runs for attack in ATTACKS)
            )
            self.assertEqual(
                [label.get_text() for label in figure.axes[0].get_xticklabels()], values
            )

    def test_lines_that_coincide_are_all_seen(self):
        """The colour of each attack is seen in the axes at each of the values."""
        for count, values in (
            (2, ["1", "2", "3"]),
            (5, ["1", "2", "3"]),
            (9, ["0.01", "1"]),
            (7, ["B4", "B6"]),
        ):
            figure = figures.along(
                "name",
                values,
                {f"attack {i}": ([80] * len(values), [[80]] * len(values)) for i in range(count)},
            )
            figure.canvas.draw()
            box, picture = (
                figure.axes[0].get_window_extent(),
                np.asarray(figure.canvas.buffer_rgba())[..., :3],
            )
            inside = picture[::-1][int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
            for i in range(count):
                colour = 255 * np.array(figures.matplotlib.colors.to_rgb(figures.COLOURS[i]))
                self.assertGreater(
                    np.sum(abs(inside - colour).max(-1) < 12), 5 * len(values), (count, values, i)
                )

    def test_the_legend_is_below_long_names(self):
        values = [
            "B6",
            "identity + rotate 2 + rotate -2 + rotate 4 + rotate -4 + rotate 6 + rotate -6 + "
            "translate 1 1",
            "identity + rotate 5 + translate 1 0",
            "a",
            "b",
        ]
        for name, chosen in ("marginals.set", values), ("solver.gamma", ["0.02", "1", "5"]):
            figure = figures.along(
                name,
                chosen,
                {f"attack {i}": ([50 + i] * len(chosen), [[1]] * len(chosen)) for i in range(9)},
            )
            figure.canvas.draw()
            ax = figure.axes[0]
            label, words = ax.xaxis.label.get_window_extent(), ax.get_legend().get_window_extent()
            self.assertGreaterEqual(label.y0 + 2, words.y1, name)
            self.assertTrue(
                -1 <= words.x0 and words.x1 <= figure.bbox.x1 + 1 and -1 <= words.y0, name
            )

    def test_a_heat_map_holds_the_best_of_each_pair(self):
        figure = figures.heat_map(
            *report_data.heat_map(self.result, "solver.gamma", "marginals.set")
        )
        ax = figure.axes[0]
        gammas, sets = (
            [label.get_text() for label in labels]
            for labels in (ax.get_yticklabels(), ax.get_xticklabels())
        )
        self.assertEqual(
            (gammas, sets, ax.get_ylabel(), ax.get_xlabel()),
            (["0.05", "2"], ["B4", "B6"], "solver.gamma", "marginals.set"),
        )
        texts = {text.get_position(): text.get_text() for text in ax.texts}
        self.assertEqual(len(texts), 4)
        for y, gamma in enumerate(gammas):
            for x, motions in enumerate(sets):
                best = max(
                    self.mean(run) for run in self.having(solver_gamma=gamma, marginals_set=motions)
                )
                self.assertAlmostEqual(ax.images[0].get_array()[y, x], best)
                self.assertAlmostEqual(float(texts[x, y]), best, delta=0.5001)

    def test_the_front_is_the_runs_that_no_other_beats(self):
        data = report_data.front(self.result)
        points = [(self.percent(run, "clean"), self.mean(run)) for run in self.runs]
        beaten = [any(a >= x and b >= y and (a, b) != (x, y) for a, b in points) for x, y in points]
        self.assertIn(True, beaten)
        figure = figures.front(data, 5, "words")
        lines = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].lines}
        np.testing.assert_allclose(
            lines["runs"], [point for point, is_beaten in zip(points, beaten) if is_beaten]
        )
        np.testing.assert_allclose(
            sorted(lines["runs no other beats in both"]),
            sorted(point for point, is_beaten in zip(points, beaten) if not is_beaten),
        )
        np.testing.assert_allclose(lines["words"], [points[5]])
        for label, field in (
            ("attacked", "attacked"),
            ("8 bits", "rounded"),
            ("blurred", "blurred"),
            ("mean of marginals", "mean"),
        ):
            wanted = sorted(
                {
                    (round(self.percent(run, "clean", field), 3), round(self.mean(run, field), 3))
                    for run in self.runs
                }
            )
            np.testing.assert_allclose(sorted(lines[label]), wanted, err_msg=label)
        self.assertEqual(len(lines["mean of marginals"]), 2, "B4 and B6 have means of their own")
        full = figures.front(data._replace(points=np.full((8, 2), 100.0)), 5, "words").axes[0]
        self.assertEqual(
            (
                full.get_xlim()[1],
                full.get_ylim()[1],
                any(line.get_clip_on() for line in full.lines),
            ),
            (100, 100, False),
        )

    def test_accuracies_by_class_are_counted_over_their_images(self):
        labels = self.file["labels"][:]
        classes, grids = report_data.per_class(self.result, "003", ATTACKS)
        figure = figures.per_class(ATTACKS, classes, grids)
        for ax, title, field in zip(
            figure.axes, ("attacked", "barycenter"), ("attacked", "purified")
        ):
            self.assertEqual(ax.get_title(), title)
            self.assertEqual([label.get_text() for label in ax.get_xticklabels()], ATTACKS)
            texts = {text.get_position(): text.get_text() for text in ax.texts}
            for y, number in enumerate(sorted(set(labels))):
                for x, attack in enumerate(ATTACKS):
                    wanted = 100 * np.mean(self.right("003", attack, field)[labels == number])
                    self.assertAlmostEqual(ax.images[0].get_array()[y, x], wanted)
                    self.assertAlmostEqual(float(texts[x, y]), wanted, delta=0.5001)

    def test_words_on_colours_can_be_read(self):
        _, ax = figures.plt.subplots()
        grid = np.linspace(0, 100, 21)[None]
        figures.numbers(ax, ax.imshow(grid, cmap="viridis"), grid, 8)

        def light(colour):  # WCAG's relative luminance
            linear = np.array(
                [
                    c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                    for c in figures.matplotlib.colors.to_rgb(colour)
                ]
            )
            return linear @ (0.2126, 0.7152, 0.0722)

        for text, value in zip(ax.texts, grid[0]):
            low, high = sorted(
                [light(text.get_color()), light(ax.images[0].cmap(ax.images[0].norm(value)))]
            )
            self.assertGreater((high + 0.05) / (low + 0.05), 4.4, value)

    def test_a_gallery_shows_recovered_images_first(self):
        run, attack = "005", "linf_pgd"
        before, after = self.right(run, attack, "attacked"), self.right(run, attack, "purified")
        order = [
            i
            for wanted in ((False, True), (True, False), (False, False), (True, True))
            for i in range(60)
            if (before[i], after[i]) == wanted and i != 3
        ]
        order[sum(before != after) :] = sorted(order[sum(before != after) :])
        self.assertEqual(report_data.choose(self.result, run, attack, 99), order)
        chosen, rows = report_data.gallery(self.result, run, attack, 8)
        self.assertEqual(
            (chosen, [row.name for row in rows]),
            (
                order[:8],
                ["clean", "attacked", "mean of marginals", "barycenter", "barycenter - attacked"],
            ),
        )
        figure = figures.gallery(rows, self.file["labels"][:][chosen])
        axes = np.reshape(figure.axes, (5, 8))
        table = self.file[f"runs/{run}/{attack}/per_image"][:]
        with open_file(self.input) as file:
            for x, i in enumerate(order[:8]):
                attacked, purified = (
                    file[f"attacks/{attack}/images"][i, 0],
                    self.file[f"runs/{run}/{attack}/images"][i, 0],
                )
                for y, wanted in (
                    (0, file["clean/images"][i, 0]),
                    (1, attacked),
                    (3, purified),
                    (4, purified.astype(float) - attacked),
                ):
                    np.testing.assert_allclose(axes[y, x].images[0].get_array(), wanted, atol=1e-7)
                clean = self.file[f"runs/{run}/clean/per_image"][i]
                for y, one, field in (
                    (0, clean, "attacked"),
                    (1, table[i], "attacked"),
                    (2, table[i], "mean"),
                    (3, table[i], "purified"),
                ):
                    seen, label = one[f"predicted_{field}"], axes[y, x].xaxis.label
                    self.assertEqual(
                        (label.get_text(), label.get_color()),
                        (
                            f"seen as {seen}",
                            figures.GOOD if seen == table[i]["label"] else figures.BAD,
                        ),
                    )
        self.assertIn(f"red -{np.abs(rows[-1].images).max():.2f}", axes[4, 0].texts[0].get_text())

    def test_words_above_a_row_are_whole(self):
        """They are whole above few images, and with the widest differences."""
        for count in 1, 2, 3, 10:
            chosen, rows = report_data.gallery(self.result, "005", "linf_pgd", count)
            for figure in figures.gallery(rows, self.result.labels[chosen]), figures.heat(
                [
                    (
                        "barycenter - attacked (red -0.99, blue +0.99)",
                        rows[0].images,
                        rows[0].images[:, 0],
                        [1] * count,
                    )
                ],
                [1] * count,
            ):
                figure.canvas.draw()
                words = [text for ax in figure.axes for text in ax.texts]
                self.assertEqual(len(words), len(figure.axes) // count)
                for text in words:
                    box = text.get_window_extent()
                    self.assertTrue(
                        0 <= box.x0
                        and box.x1 <= figure.bbox.x1
                        and 0 <= box.y0
                        and box.y1 <= figure.bbox.y1,
                        (count, text.get_text(), box),
                    )
                figures.plt.close(figure)

    def test_sensitivity_shows_an_image_that_half_of_the_settings_get_right(self):
        """Numbers go down and across, and the marginals stay at those of the run.

        Each field shows the image of the run it names."""
        grid = report_data.sensitivity(self.result, "003", "fgsm")
        self.assertEqual(
            (grid.down, grid.across, grid.fixed),
            ("solver.gamma", ["solver.iterations"], {"marginals.set": "B6"}),
        )
        figure = figures.sensitivity(self.result, "fgsm", grid)
        axes = np.reshape(figure.axes, (2, 2))
        self.assertEqual([ax.get_title() for ax in axes[0]], ["iterations 10", "iterations 50"])
        self.assertEqual([ax.get_ylabel() for ax in axes[:, 0]], ["gamma 0.05", "gamma 2"])
        for y, gamma in enumerate(["0.05", "2"]):
            for x, steps in enumerate(["10", "50"]):
                (run,) = self.having(
                    solver_gamma=gamma, solver_iterations=steps, marginals_set="B6"
                )
                np.testing.assert_allclose(
                    axes[y, x].images[0].get_array(),
                    self.file[f"runs/{run}/fgsm/images"][grid.image, 0],
                    atol=1e-7,
                )
                self.assertEqual(
                    axes[y, x].get_xlabel(),
                    "seen as "
                    f"{self.file[f'runs/{run}/fgsm/per_image'][grid.image]['predicted_purified']}",
                )
        sound = self.file["runs/003/fgsm/per_image"]["status"] == 0
        right = sum(
            self.right(run, "fgsm", "purified").astype(int)
            for run in self.having(marginals_set="B6")
        )
        self.assertTrue(any(right[sound] == 2), "of four runs")
        self.assertEqual(grid.image, np.flatnonzero((right == 2) & sound)[0])
        self.assertEqual(
            grid.why,
            "It was chosen because it is classified rightly at 2 of these 4 settings and wrongly "
            "at the others, and no other image comes nearer to half and half.",
        )
        same = report_data.changing(self.result, "003", "fgsm", ["003"])
        self.assertEqual(same[0], report_data.choose(self.result, "003", "fgsm", 1)[0])
        self.assertIn("first of the gallery, as no image is classified rightly at some", same[1])
        with mock.patch.object(self.result, "has_victim", False):
            self.assertIn(
                "first that did not fail",
                report_data.changing(self.result, "003", "fgsm", self.runs)[1],
            )
        failed = figures.sensitivity(
            self.result,
            "linf_pgd",
            report_data.sensitivity(self.result, "003", "linf_pgd")._replace(
                image=3, runs={(0, 0): "000"}
            ),
        )
        self.assertEqual(
            ([text.get_text() for text in failed.axes[0].texts], [ax.axison for ax in failed.axes]),
            (["failed"], [True, False, False, False]),
        )


if __name__ == "__main__":
    unittest.main()
