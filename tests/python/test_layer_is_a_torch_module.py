"""barydef.torch.Purify is a module like any other: derivatives, types, workers, copies."""

import contextlib
import copy
import io
import os
import unittest

import numpy as np
from support import SOURCE  # before torch, whose threads it limits
from pages import code
import torch

import barydef
import barydef.torch as layers

SETTINGS = {"solver.gamma": 1, "solver.iterations": 10}
GRADIENTS = "exact", "identity", "mean"


def images(count=3, channels=2, side=9, dtype=torch.float64):
    torch.manual_seed(4)
    return torch.rand(count, channels, side, side, dtype=dtype) * 0.8 + 0.1


class Purified(torch.utils.data.Dataset):
    """What a DataLoader's worker does with a layer."""

    def __init__(self, layer, x):
        self.layer, self.x = layer, x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.layer(self.x[i : i + 1])[0]


class Page(unittest.TestCase):
    def test_what_the_page_says_runs_as_it_stands(self):
        names, said = {}, io.StringIO()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(SOURCE)
        with contextlib.redirect_stdout(said):
            for heading in "Purify an array", "A layer before a victim":
                exec(code("python.md", heading), names)
        said = said.getvalue()
        self.assertRegex(said, r"(?s)\['ok', .*\nsolver.gamma: .*\n1.0\n97 of 100 are right\n$")
        images = names["images"].requires_grad_()
        names["model"](images).logsumexp(1).sum().backward()
        self.assertTrue(images.grad.flatten(1).any(1).all())


class Purify(unittest.TestCase):
    def test_the_exact_gradient_passes_gradcheck(self):
        for more in {}, {"solver.mass": "joint"}, {"solver.gamma": 0.02}:
            layer = layers.Purify({**SETTINGS, **more})
            x = images(2).requires_grad_()
            self.assertTrue(torch.autograd.gradcheck(layer, (x,), atol=1e-6))

    def test_gradients_are_those_of_the_purifier(self):
        purifier, weight = barydef.Purifier(SETTINGS), images().flip(0)
        expected = {
            "exact": purifier.vjp(images(), weight),
            "identity": weight.numpy(),
            "mean": purifier.mean_vjp(images(), weight),
        }
        self.assertEqual(sorted(expected), sorted(layers.GRADIENTS))
        for gradient, found in expected.items():
            x = images().requires_grad_()
            y = layers.Purify(purifier, gradient)(x)
            np.testing.assert_array_equal(y.detach(), purifier(images()))
            (y * weight).sum().backward()
            np.testing.assert_array_equal(x.grad, found)

    def test_a_failed_image_has_no_gradient(self):
        for gradient in GRADIENTS:
            x = images()
            x[1] = 0
            with self.assertWarns(RuntimeWarning):
                layers.Purify(SETTINGS, gradient)(x.requires_grad_()).sum().backward()
            self.assertEqual(torch.isnan(x.grad).flatten(1).all(1).tolist(), [False, True, False])

    def test_it_stands_before_a_victim(self):
        victim = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(162, 10))
        model = torch.nn.Sequential(layers.Purify(SETTINGS), victim).eval()
        for dtype in torch.float32, torch.float64:
            x = images(dtype=dtype).requires_grad_()
            loss = torch.nn.functional.cross_entropy(model.to(dtype)(x), torch.tensor([0, 1, 2]))
            (gradient,) = torch.autograd.grad(loss, x)
            self.assertEqual((gradient.dtype, gradient.shape), (dtype, x.shape))
            self.assertTrue(gradient.abs().max() > 0)
        self.assertEqual([name for name in model.state_dict() if name.startswith("0")], [])

    def test_without_a_gradient_nothing_is_kept(self):
        x = images().requires_grad_()
        with torch.no_grad():
            self.assertFalse(layers.Purify(SETTINGS)(x).requires_grad)
        self.assertFalse(layers.Purify(SETTINGS)(images()).requires_grad)

    def test_views_of_tensors_are_taken_as_they_are(self):
        layer, x = layers.Purify(SETTINGS), images(4)
        turned = x.transpose(2, 3)
        self.assertTrue(torch.equal(layer(turned), layer(turned.contiguous())))
        last = x.contiguous(memory_format=torch.channels_last)
        self.assertTrue(torch.equal(layer(last), layer(x)))

    def test_workers_of_a_loader_purify(self):
        layer, x = layers.Purify(SETTINGS), images(8)
        expected = layer(x)  # the parent has solvers when it forks
        for context in "fork", "spawn":
            loader = torch.utils.data.DataLoader(
                Purified(layer, x), 4, num_workers=2, multiprocessing_context=context
            )
            self.assertTrue(torch.equal(torch.cat(list(loader)), expected))

    def test_copies_and_files_hold_it(self):
        layer, file = layers.Purify(SETTINGS, "mean"), io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        options = {"weights_only": False} if torch.__version__ >= "2" else {}
        for twin in copy.deepcopy(layer), torch.load(file, **options):
            self.assertEqual(repr(twin), repr(layer))
            self.assertTrue(torch.equal(twin(images()), layer(images())))

    def test_a_trace_is_refused(self):
        model = torch.nn.Sequential(layers.Purify(SETTINGS), torch.nn.Flatten())
        with self.assertRaisesRegex(RuntimeError, "Purify cannot be traced: .* trace the victim"):
            torch.jit.trace(model, images())
        with self.assertRaisesRegex(RuntimeError, "^[^\n]*Purify cannot be scripted: [^\n]*$"):
            torch.jit.script(model)

    def test_what_is_not_allowed_is_refused(self):
        with self.assertRaisesRegex(ValueError, "gradient = 'none'; allowed: exact, identity"):
            layers.Purify(SETTINGS, "none")
        for layer in layers.Purify(SETTINGS), layers.Blur():
            for x, why in (
                (images().half().requires_grad_(), "torch.float16; allowed: torch.float32"),
                ((255 * images()).byte(), "torch.uint8; allowed: torch.float32"),
                (images()[0], "of shape .2, 9, 9.; allowed: .n, C, H, W."),
                (images().numpy(), "images in a ndarray; allowed: a torch.Tensor"),
                (images().to_sparse(), "allowed: those of x.to_dense"),
                (images().to("meta"), "device meta, which holds no pixels"),
            ):
                with self.assertRaisesRegex(ValueError, "^[^\n]*" + why):
                    layer(x)
        with self.assertRaisesRegex(ValueError, "allowed: a dict"):
            layers.Purify(layers.Blur())
        with self.assertRaisesRegex(ValueError, "fista has no gradient"):
            layers.Purify({"solver.method": "fista"})
        layers.Purify({"solver.method": "fista"}, "mean")

    def test_a_second_derivative_is_refused(self):
        x = images().requires_grad_()
        (gradient,) = torch.autograd.grad(
            layers.Purify(SETTINGS)(x).square().sum(), x, create_graph=True
        )
        with self.assertRaises(RuntimeError):
            gradient.sum().backward()


class Blur(unittest.TestCase):
    def test_it_is_scipys(self):
        from scipy.ndimage import gaussian_filter

        for side, sigma in ((9, 0.5), (9, 1.25), (4, 3), (5, 0)):
            x = images(2, 2, side)
            expected = gaussian_filter(x.numpy(), (0, 0, sigma, sigma)) if sigma else x
            np.testing.assert_allclose(layers.Blur(sigma)(x), expected, rtol=1e-13)

    def test_it_is_differentiable_and_keeps_types(self):
        layer = layers.Blur(0.8)
        self.assertTrue(torch.autograd.gradcheck(layer, (images(1).requires_grad_(),)))
        self.assertEqual(layer(images(dtype=torch.float32)).dtype, torch.float32)
        self.assertEqual(len(layer.state_dict()), 0)
        for sigma in -1, float("nan"), "wide", None:
            with self.assertRaisesRegex(ValueError, f"sigma = {sigma!r}"):
                layers.Blur(sigma)

    def test_it_may_be_traced(self):
        layer = layers.Blur(0.8)
        traced = torch.jit.trace(layer, images())
        for x in images(5), images(2, 1, 14):
            self.assertTrue(torch.equal(traced(x), layer(x)))


if __name__ == "__main__":
    unittest.main()
