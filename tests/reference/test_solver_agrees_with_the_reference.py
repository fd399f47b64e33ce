"""The C library agrees with the independent reference and with scipy."""

import unittest

import numpy as np
import scipy.ndimage

import library
import reference
from images import moved_by_scipy, random_images

MOTIONS = (
    "identity + rotate 2 + rotate -3 + rotate 17.5 + rotate 90 + translate 3 0 "
    "+ translate -1.25 2.5"
)


class Marginals(unittest.TestCase):
    def test_bilinear_agrees_with_scipy(self):
        for height, width in [(28, 28), (17, 23), (5, 40)]:
            image = np.random.default_rng(height).random((height, width))
            ours = library.marginals(image, MOTIONS)
            for k, op in enumerate(reference.operators(MOTIONS)):
                theirs = moved_by_scipy(image, op, order=1)
                with self.subTest(shape=(height, width), op=op):
                    np.testing.assert_allclose(ours[k], theirs, rtol=0, atol=1e-12)

    def test_nearest_agrees_with_the_reference(self):
        image = np.random.default_rng(1).random((17, 23))
        ours = library.marginals(image, MOTIONS, "nearest")
        theirs = reference.marginals(image, reference.operators(MOTIONS), "nearest")
        np.testing.assert_array_equal(ours, theirs.astype(float))

    def test_quarter_turns_are_exact(self):
        image = np.random.default_rng(2).random((9, 9))
        turned = library.marginals(image, "rotate 90 + rotate -90 + rotate 180 + rotate 360")
        for k, quarters in enumerate([1, -1, 2, 0]):  # counter-clockwise, as np.rot90
            np.testing.assert_array_equal(turned[k], np.rot90(image, quarters))


class Blur(unittest.TestCase):
    def test_blur_agrees_with_scipy(self):
        for shape in [(28, 28), (3, 40)]:
            image = np.random.default_rng(3).random(shape)
            for sigma in [0.5, 1.0, 2.3]:
                np.testing.assert_allclose(
                    library.blur(image, sigma),
                    scipy.ndimage.gaussian_filter(image, sigma),
                    rtol=0,
                    atol=1e-13,
                )


class Solver(unittest.TestCase):
    def compare(self, images, tolerance=1e-12, **options):
        iterations = options.setdefault("iterations", [0, 1, 10, 200])
        purified, _, reports = library.solve(images, **options)
        settings = dict(options, beta=options.get("weights"))
        settings.pop("weights", None)
        ops = reference.operators(settings.pop("marginals", "B6"))
        for i, image in enumerate(images):
            wanted = reference.solve(image, ops, **settings)
            for s, snapshot in enumerate(wanted):
                with self.subTest(image=i, L=iterations[s], **options):
                    self.assertEqual(reports[s][i].status, 0)
                    np.testing.assert_allclose(
                        purified[s, i], snapshot.image.astype(float), rtol=0, atol=tolerance
                    )
                    self.assertAlmostEqual(
                        reports[s][i].residual, float(snapshot.residual), delta=1e-12
                    )
                    self.assertLess(reports[s][i].mass_defect, 1e-12)

    def test_every_shape_agrees(self):
        for seed, shape in enumerate(
            [(2, 1, 28, 28), (1, 3, 16, 16), (3, 1, 17, 23), (1, 2, 6, 31), (1, 1, 1, 12)]
        ):
            self.compare(random_images(seed, *shape), gamma=0.1, iterations=[0, 1, 10, 50])

    def test_every_gamma_agrees(self):
        image = random_images(11, 1, 1, 20, 20)
        for gamma in [0.02, 0.05, 0.1, 0.5, 1, 5, 50]:
            self.compare(image, gamma=gamma)

    def test_many_iterations_agree(self):
        self.compare(random_images(12, 1, 1, 14, 14), gamma=0.1, iterations=[200, 500])

    def test_any_number_of_marginals_agrees(self):
        image = random_images(13, 1, 1, 15, 15)
        for text in ["identity", "rotate 2", "identity + translate 1 0", "B4", MOTIONS]:
            self.compare(image, gamma=0.1, marginals=text, iterations=[0, 3, 40])

    def test_every_window_agrees(self):
        image = random_images(14, 1, 1, 13, 16)
        for window in [1, 3, 5, 11, 41]:
            self.compare(image, gamma=0.7, window=window, iterations=[0, 3, 40])

    def test_every_variant_agrees(self):
        image = random_images(15, 2, 2, 12, 12)
        for regularizer in library.REGULARIZERS:
            for mass in library.MASSES:
                self.compare(
                    image,
                    gamma=0.3,
                    theta=50,
                    regularizer=regularizer,
                    mass=mass,
                    iterations=[0, 3, 40],
                )
        self.compare(
            image, gamma=0.3, marginals="B4", weights=(0.4, 0.3, 0.2, 0.1), iterations=[0, 3, 40]
        )
        self.compare(image, gamma=0.3, interpolation="nearest", iterations=[0, 3, 40])


class Invariants(unittest.TestCase):
    def test_small_gamma_and_few_iterations_give_the_mean(self):
        images = random_images(20, 3, 1, 28, 28)
        purified, mean, _ = library.solve(images, gamma=0.02, iterations=[0, 1])
        np.testing.assert_allclose(purified[0], mean, rtol=0, atol=1e-14)
        np.testing.assert_allclose(purified[1], mean, rtol=0, atol=1e-14)

    def test_permuting_the_first_marginals_changes_nothing(self):
        images = random_images(21, 2, 1, 16, 16)
        one, _, _ = library.solve(
            images, gamma=0.2, marginals="identity + rotate 5 + rotate -7 + translate 2 0"
        )
        two, _, _ = library.solve(
            images, gamma=0.2, marginals="rotate -7 + identity + rotate 5 + translate 2 0"
        )
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-13)

    def test_flipping_image_and_motions_flips_the_result(self):
        images = random_images(22, 2, 1, 16, 19)
        one, _, _ = library.solve(
            images, gamma=0.2, marginals="identity + rotate 5 + rotate -7 + translate 2 1"
        )
        two, _, _ = library.solve(
            images[..., ::-1],
            gamma=0.2,
            marginals="identity + rotate -5 + rotate 7 + translate -2 1",
        )
        np.testing.assert_allclose(one, two[..., ::-1], rtol=0, atol=1e-13)

    def test_converged_result_is_the_image(self):
        images = random_images(23, 1, 1, 8, 8)
        purified, _, reports = library.solve(
            images,
            gamma=1,
            theta=1e7,
            tau=10,
            marginals="identity + translate 1 0",
            iterations=[60000],
        )
        self.assertLess(np.abs(purified[0] - images).max(), 1e-4 * images.max())
        self.assertLess(reports[0][0].residual, 1e-4)

    def test_equal_marginals_tend_to_the_image(self):
        images = random_images(24, 1, 1, 10, 10)
        for text in ["identity", "identity + identity + identity"]:
            few, _, _ = library.solve(
                images, gamma=0.5, tau=5, marginals=text, iterations=[0, 2000]
            )
            self.assertLess(np.abs(few[1] - images).max(), 0.02 * np.abs(few[0] - images).max())

    def test_neighbours_and_place_do_not_matter(self):
        images = random_images(25, 19, 1, 12, 12)
        together, _, _ = library.solve(images, iterations=[30])
        for i in [0, 5, 8, 18]:
            alone, _, _ = library.solve(images[i : i + 1], iterations=[30])
            np.testing.assert_array_equal(alone[0, 0], together[0, i])


if __name__ == "__main__":
    unittest.main()
