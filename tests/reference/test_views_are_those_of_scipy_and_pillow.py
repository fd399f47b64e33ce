"""The views that the literature knows are bit by bit those of the programs that it uses."""

import io
import unittest

import numpy as np
import PIL.Image
import scipy.ndimage

import library

SHAPES = [(3, 1, 28, 28), (2, 3, 17, 33), (2, 2, 9, 1), (1, 1, 1, 1)]


class Median(unittest.TestCase):
    def test_median_is_scipys(self):
        for shape in SHAPES:
            images = np.random.default_rng(4).random(shape)
            np.testing.assert_array_equal(
                library.view("median", images),
                scipy.ndimage.median_filter(images, size=(1, 1, 3, 3), mode="reflect"),
            )


def compressed(image, quality):
    """Pillow's JPEG of [C,H,W], RGB where there are three channels, else each on its own."""
    grey = np.floor(image * 255 + 0.5).astype("u1")
    parts = [np.ascontiguousarray(np.moveaxis(grey, 0, -1))] if len(grey) == 3 else list(grey)
    found = []
    for part in parts:
        file = io.BytesIO()
        PIL.Image.fromarray(part).save(file, "JPEG", quality=quality)
        found.append(np.asarray(PIL.Image.open(file)) / 255)
    return np.moveaxis(found[0], -1, 0) if len(grey) == 3 else np.array(found)


class Jpeg(unittest.TestCase):
    def view(self, images, quality):
        try:
            return library.view("jpeg", images, baseline__jpeg_quality=quality)
        except library.LibraryError as error:
            self.assertIn("built without libjpeg", str(error))
            self.skipTest(str(error))

    def test_jpeg_is_pillows(self):
        for shape in SHAPES:
            images = np.random.default_rng(5).random(shape)
            for quality in 1, 30, 75, 100:
                np.testing.assert_array_equal(
                    self.view(images, quality),
                    np.array([compressed(image, quality) for image in images]),
                )

    def test_what_is_no_pixel_becomes_black_or_white(self):
        images = np.array([[[[np.nan, np.inf, -np.inf, 7, -3]]]])
        np.testing.assert_array_equal(self.view(images, 100), [[[[0, 1, 0, 1, 0]]]])


def denoised(image, weight, iterations=200):
    """Chambolle's projection on one [H,W], written with whole arrays."""
    dual = np.zeros((2, *image.shape))
    for turn in range(iterations + 1):
        shifted = [np.roll(part, 1, axis) for axis, part in enumerate(dual)]
        shifted[0][0], shifted[1][:, 0] = 0, 0
        found = image + (dual[0] - shifted[0]) + (dual[1] - shifted[1])
        slope = np.zeros_like(dual)
        slope[0, :-1], slope[1, :, :-1] = np.diff(found, axis=0), np.diff(found, axis=1)
        dual = (dual + slope / 4) / (1 + np.hypot(*slope) / (4 * weight))
    return found


def energy(image, noisy, weight):
    slope = np.zeros((2, *image.shape))
    slope[0, :-1], slope[1, :, :-1] = np.diff(image, axis=0), np.diff(image, axis=1)
    return ((image - noisy) ** 2).sum() / 2 + weight * np.hypot(*slope).sum()


class TotalVariation(unittest.TestCase):
    WEIGHTS = 1e-3, 0.1, 2

    def each(self):
        for shape in SHAPES:
            images = np.random.default_rng(6).random(shape)
            for weight in self.WEIGHTS:
                made = library.view("total_variation", images, baseline__tv_weight=weight)
                for at in np.ndindex(shape[:2]):
                    yield made[at], images[at], weight

    def test_it_is_chambolles_projection(self):
        for made, noisy, weight in self.each():
            np.testing.assert_allclose(made, denoised(noisy, weight), rtol=0, atol=1e-14)

    def test_it_is_scikit_images(self):
        try:
            from skimage.restoration import denoise_tv_chambolle
        except ImportError as error:
            self.skipTest(str(error))
        for made, noisy, weight in self.each():
            theirs = denoise_tv_chambolle(noisy, weight, eps=0, max_num_iter=201)
            np.testing.assert_allclose(made, theirs, rtol=0, atol=1e-14)

    def test_it_lowers_the_energy_as_far_as_it_goes(self):
        """The mean is kept, nothing leaves [0,1], and no image near by has less energy."""
        random = np.random.default_rng(7)
        for made, noisy, weight in self.each():
            self.assertAlmostEqual(made.mean(), noisy.mean(), 12)
            self.assertTrue(-1e-12 <= made.min() and made.max() <= 1 + 1e-12)
            lowest = energy(made, noisy, weight)
            self.assertLessEqual(lowest, energy(noisy, noisy, weight) + 1e-12)
            for size in 0.1, 0.01:
                other = made + size * random.standard_normal(made.shape)
                self.assertLess(lowest, energy(other, noisy, weight))


if __name__ == "__main__":
    unittest.main()
