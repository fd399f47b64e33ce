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


if __name__ == "__main__":
    unittest.main()
