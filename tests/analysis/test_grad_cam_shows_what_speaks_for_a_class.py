"""Grad-CAM shows what speaks for a class, as computed by hand."""

import os
import tempfile
import unittest

import numpy as np
import torch
from barydef import errors
from barydef.report import gradcam


class GradCam(unittest.TestCase):
    def test_heat_is_the_weighted_channels_of_the_class(self):
        """The map of this convolution is known: heat is relu of the weighted channels."""

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)
                self.out = torch.nn.Linear(2, 3)

            def forward(self, x):
                return self.out(torch.relu(self.conv(x)).mean((2, 3)))

        torch.manual_seed(0)
        net = Net().eval()
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"gradcam-{os.getpid()}.pt")
        torch.jit.script(net).save(path)
        try:
            victim = gradcam.Victim(path)
            x = torch.rand(4, 1, 8, 8)
            heat, classes = victim.maps(x.numpy())
            with torch.no_grad():
                features, logits = net.conv(x), net(x)
                slope = net.out.weight[logits.argmax(1)][:, :, None, None] * (features > 0) / 64
                wanted = torch.relu((slope.mean((2, 3), keepdim=True) * features).sum(1))
                wanted = wanted / wanted.amax((1, 2), keepdim=True).clamp_min(1e-12)
            np.testing.assert_array_equal(classes, logits.argmax(1).numpy())
            np.testing.assert_allclose(heat, wanted.numpy(), atol=1e-5)
            self.assertRaises(errors.Unsuitable, gradcam.Victim, path, 5)
        finally:
            os.unlink(path)
        np.testing.assert_allclose(
            gradcam.similarity(heat, heat), heat.any((1, 2)), atol=1e-6
        )  # 0 where nothing speaks for the class

    def test_a_layer_by_name_is_the_one_by_number(self):
        """A name leads to the maps of the convolution's number.

        That holds before a normalisation too, which freezing would fold into the weights."""

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.features = torch.nn.Sequential(
                    torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3)
                )
                self.last, self.norm, self.out = (
                    torch.nn.Conv2d(4, 4, 3),
                    torch.nn.BatchNorm2d(4),
                    torch.nn.Linear(4, 3),
                )

            def forward(self, x):
                return self.out(torch.relu(self.norm(self.last(self.features(x)))).mean((2, 3)))

        torch.manual_seed(1)
        net, x = Net().eval(), np.random.default_rng(1).random((3, 1, 12, 12))
        net.norm.running_var.fill_(0.3)
        net.out.weight.data[:, :2] = 1  # so that something speaks for each class
        features = (
            net.last(net.features(torch.as_tensor(x, dtype=torch.float32)))
            .detach()
            .requires_grad_()
        )
        logits = net.out(torch.relu(net.norm(features)).mean((2, 3)))
        (slopes,) = torch.autograd.grad(logits.amax(1).sum(), features)
        wanted = torch.relu((slopes.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True))
        wanted = torch.nn.functional.interpolate(
            wanted, (12, 12), mode="bilinear", align_corners=False
        )[:, 0].detach()
        wanted = (wanted / wanted.amax((1, 2), keepdim=True)).numpy()
        with tempfile.TemporaryDirectory() as folder:
            path, frozen = os.path.join(folder, "net.pt"), os.path.join(folder, "frozen.pt")
            for made in torch.jit.script(net), torch.jit.trace(net, torch.zeros(1, 1, 12, 12)):
                made.save(path)
                first, second = (gradcam.Victim(path, number).maps(x)[0] for number in (0, 1))
                self.assertTrue(first.any() and second.any() and not np.allclose(first, second))
                np.testing.assert_allclose(
                    gradcam.Victim(path, "features.0").maps(x)[0], first, atol=1e-5
                )
                np.testing.assert_allclose(
                    gradcam.Victim(path, "features.2").maps(x)[0], second, atol=1e-5
                )
                np.testing.assert_allclose(
                    gradcam.Victim(path, "last").maps(x)[0], wanted, atol=1e-5
                )
                self.assertRaisesRegex(
                    errors.Unsuitable,
                    "convolution nose was asked for; it has features.0, features.2, last$",
                    gradcam.Victim,
                    path,
                    "nose",
                )
            torch.jit.freeze(torch.jit.script(net)).save(frozen)
            self.assertRaisesRegex(
                errors.Unsuitable,
                "none with a name, but 3, numbered from 0",
                gradcam.Victim,
                frozen,
                "last",
            )


if __name__ == "__main__":
    unittest.main()
