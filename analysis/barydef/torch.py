"""The purifier as a layer of PyTorch, and the blur to attack beside it."""

import numbers

import numpy as np
import torch

from .purifier import Purifier

GRADIENTS = "exact", "identity", "mean"


def _check(name, x):
    """What a layer takes: images in a tensor."""
    if not isinstance(x, torch.Tensor):
        raise ValueError(f"{name}: images in a {type(x).__name__}; allowed: a torch.Tensor")
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{name}: images of {x.dtype}; allowed: torch.float32, torch.float64")
    if x.ndim != 4:
        raise ValueError(f"{name}: images of shape {tuple(x.shape)}; allowed: [n, C, H, W]")
    if x.layout != torch.strided:
        raise ValueError(f"{name}: images in a {x.layout} tensor; allowed: those of x.to_dense()")
    if x.device.type == "meta":
        raise ValueError(f"{name}: images on the device meta, which holds no pixels")


class _Purified(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer):
        y = torch.from_numpy(layer.purifier(x.detach().cpu().numpy())).to(x.device)
        ctx.layer = layer
        ctx.save_for_backward(x, torch.isnan(y).flatten(1).any(1))
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, ybar):
        x, failed = ctx.saved_tensors
        gradient = ctx.layer.pull(x, ybar)
        gradient[failed] = float("nan")
        return gradient, None


class Purify(torch.nn.Module):
    """A layer that purifies images [n,C,H,W], float32 or float64 in [0,1].

    purifier  a barydef.Purifier, or its settings
    gradient  what the backward pass takes for its Jacobian: "exact"; "identity", as BPDA does; or
              "mean", that of the mean of the marginals

    The layer has no parameters. It computes on the processor, whatever the device of its input,
    and gives its output there. An image that fails is NaN, and so is its gradient."""

    def __init__(self, purifier, gradient="exact"):
        super().__init__()
        if gradient not in GRADIENTS:
            raise ValueError(f"Purify: gradient = {gradient!r}; allowed: {', '.join(GRADIENTS)}")
        self.purifier = purifier if isinstance(purifier, Purifier) else Purifier(purifier)
        self.gradient = gradient
        if gradient == "exact":
            self.purifier.check_gradient()

    def forward(self, x):
        if torch.jit.is_tracing():
            raise RuntimeError(
                "barydef.torch.Purify cannot be traced: a trace would hold the purified images of "
                "its example in place of the purifier; trace the victim alone"
            )
        _check("Purify", x)
        return _Purified.apply(x, self)

    def __prepare_scriptable__(self):
        raise RuntimeError(
            "barydef.torch.Purify cannot be scripted: TorchScript does not call Python; script the "
            "victim alone"
        )

    def pull(self, x, ybar):
        """The gradient by x from the gradient by the purified images."""
        if self.gradient == "identity":
            return ybar.clone()
        vjp = self.purifier.vjp if self.gradient == "exact" else self.purifier.mean_vjp
        pulled = vjp(x.detach().cpu().numpy(), ybar.detach().cpu().numpy())
        return torch.from_numpy(pulled).to(x.device, x.dtype)

    def extra_repr(self):
        return f"{self.purifier}, gradient={self.gradient!r}"


class Blur(torch.nn.Module):
    """Gaussian blur of images [n,C,H,W], as the view `blurred` of a result.

    It is cut at 4 sigma and normalised, and the image is mirrored about its edges."""

    def __init__(self, sigma=0.5):
        super().__init__()
        if not isinstance(sigma, numbers.Real) or not 0 <= sigma <= 100:
            raise ValueError(f"Blur: sigma = {sigma!r}; allowed: a number from 0 to 100")
        self.sigma = float(sigma)
        self.radius = int(4 * self.sigma + 0.5)
        taps = np.arange(-self.radius, self.radius + 1) / (self.sigma or 1)
        taps = np.exp(-0.5 * taps**2)
        self.register_buffer("taps", torch.from_numpy(taps / taps.sum()), persistent=False)

    def along(self, x, axis):
        """Blur along one axis."""
        size = x.shape[axis]
        at = torch.arange(-self.radius, size + self.radius, device=x.device) % (2 * size)
        at = torch.minimum(at, 2 * size - 1 - at)
        windows = x.index_select(axis, at).unfold(axis, 2 * self.radius + 1, 1)
        return windows @ self.taps.to(x.device, x.dtype)

    def forward(self, x):
        _check("Blur", x)
        return self.along(self.along(x, 2), 3)

    def extra_repr(self):
        return f"sigma={self.sigma}"
