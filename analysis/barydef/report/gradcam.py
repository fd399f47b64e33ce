"""Grad-CAM (Selvaraju et al., ICCV 2017) for a TorchScript classifier.

It shows where in the image the last convolution finds what speaks for the class. TorchScript runs
no hooks of Python, so the output of the convolution is made a second output of the graph."""

import numpy as np
import torch

from .. import torchscript
from ..errors import Unsuitable

BATCH = 16


CONVOLUTIONS = "aten::conv2d", "aten::_convolution", "aten::convolution", "aten::conv2d_relu"


def convolutions(graph):
    """Nodes of the graph that convolve, in order.

    Those inside branches are left out: they cannot be an output of the whole."""
    return [node for node in graph.nodes() if node.kind() in CONVOLUTIONS]


def index_of(layer, nodes, module, path):
    """The place among the convolutions of the one whose module has this name.

    It is the node that has the weights of the module."""
    weights = [list(node.inputs())[1].toIValue() for node in nodes]
    names = {
        name.removesuffix(".weight"): i
        for name, parameter in module.named_parameters()
        for i, weight in enumerate(weights)
        if name.endswith(".weight") and weight is not None and torch.equal(weight, parameter)
    }
    if layer not in names:
        there = ", ".join(names) or f"none with a name, but {len(nodes)}, numbered from 0"
        raise Unsuitable(f"{path}: convolution {layer} was asked for; it has {there}")
    return names[layer]


class Victim:
    """A classifier that can be looked into.

    `layer` is the number of the convolution, from 0 (-1: the last), or the name of its module."""

    def __init__(self, path, layer=-1):
        module = named = torchscript.load(path)
        try:
            # Optimising would change the weights that tell a name.
            module = torch.jit.freeze(module, optimize_numerics=not isinstance(layer, str))
        except RuntimeError:
            pass  # frozen already
        graph = module.forward.graph.copy()
        torch._C._jit_pass_inline(graph)
        graph, parameters = torch._C._jit_pass_lower_graph(graph, module._c)
        nodes = convolutions(graph)
        if not nodes:
            raise Unsuitable(f"{path}: no convolution in it")
        try:
            node = nodes[index_of(layer, nodes, named, path) if isinstance(layer, str) else layer]
        except IndexError:
            raise Unsuitable(
                f"{path}: convolution {layer} was asked for; it has {len(nodes)}"
            ) from None
        graph.registerOutput(node.output())
        graph.makeMultiOutputIntoTuple()
        self.function = torch._C._create_function_from_graph("forward", graph)
        self.parameters = [p.detach() if isinstance(p, torch.Tensor) else p for p in parameters]
        self.module = module

    def maps(self, images):
        """(heat [n,H,W] in [0,1], classes) for the class the victim sees in each image [n,C,H,W].

        What the victim keeps for its gradient bounds n: BATCH images go well."""
        x = torch.as_tensor(np.asarray(images), dtype=torch.float32).requires_grad_()
        logits, features = self.function(x, *self.parameters)
        classes = logits.argmax(1)
        (slopes,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), features)
        heat = torch.relu((slopes.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True))
        heat = torch.nn.functional.interpolate(
            heat, x.shape[2:], mode="bilinear", align_corners=False
        )[:, 0].detach()
        heat = heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-12)
        return heat.numpy(), classes.numpy()


def similarity(a, b):
    """Cosine between two heat maps [n,H,W]: 1 where they point at the same pixels."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
