"""Makes what a run reads: files of attacked images, and victims."""

import textwrap

import h5py
import numpy as np


def random_images(count, channels=1, height=8, width=10, seed=0):
    """Images of float64 in [0, 1], in which a third of the pixels is zero."""
    random = np.random.default_rng([seed, count, channels, height, width])
    return np.clip(1.5 * random.random((count, channels, height, width)) - 0.5, 0, 1)


def write_set(path, attacks, clean=None, labels=None, **storage):
    """Writes a file of attacked images, {name: images or (images, norm, epsilon, source)}.
    `storage` goes to h5py's create_dataset (compression, chunks ...)."""
    attacks = {
        name: entry if isinstance(entry, tuple) else (entry, "linf", 0.1, "random numbers")
        for name, entry in attacks.items()
    }
    some = clean if clean is not None else next(iter(attacks.values()))[0]
    with h5py.File(path, "w") as file:
        file.attrs.update(schema="attacked-images", schema_version=1, dataset="noise")
        file["labels"] = np.arange(len(some)) % 10 if labels is None else labels
        if clean is not None:
            file.create_dataset("clean/images", data=clean, **storage)
        for name, (images, norm, epsilon, source) in attacks.items():
            file.create_dataset(f"attacks/{name}/images", data=images, **storage)
            file[f"attacks/{name}"].attrs.update(norm=norm, epsilon=epsilon, source=source)
    return path


# Ten classes of images of any shape.  There is a convolution, so that the order of a sum matters.
VICTIM_BODY = """
    kernel = torch.sin(torch.arange(4 * x.size(1) * 9).float()).view(4, x.size(1), 3, 3)
    features = torch.relu(torch.conv2d(x - 0.3, kernel, padding=1)).flatten(1)
    return features @ torch.cos(1.7 * torch.arange(features.size(1) * 10).float()).view(-1, 10)
"""


def write_victim(path, body=VICTIM_BODY, arguments="self, x", **methods):
    """Saves TorchScript whose forward(self, x) has this body, and other methods these."""
    import torch

    module = type("Victim", (torch.jit.ScriptModule,), {})()
    for name, text in {**methods, "forward": body}.items():
        module.define(
            f"def {name}({arguments}):\n"
            + textwrap.indent(textwrap.dedent(text.strip("\n")), "    ")
            + "\n"
        )
    module.save(path)
    return path
