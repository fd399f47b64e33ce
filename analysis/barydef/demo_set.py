"""Make the small demo set: attacked handwritten digits and the classifier they fool.

Two files are written to the output directory:

  digits.h5   300 test images (28x28, grey), clean and under four attacks, with labels:
                /                        attributes schema, schema_version, dataset
                /labels                  int64 [n]
                /clean/images            float32 [n,1,28,28] in [0,1]
                /attacks/<name>/images   the same; group attributes norm, epsilon, source
  victim.pt   the attacked classifier as TorchScript: float32 [n,1,28,28] -> logits [n,10]

The images are the real 8x8 digits of scikit-learn with a border of one empty pixel, enlarged
by cubic splines. The classifier is the small strided network usual for MNIST, trained on 1497
digits that are moved, sheared, bent, thinned and thickened at random. That stands in for
MNIST's many hands, and purification gains much less without it. The random moves contain the
rotations and shifts of the sets B4 and B6. The other 300 digits, stratified by label, are the
test images. All are kept, rightly classified or not. The attacks are white-box.

Clean pixels are multiples of 2^-8, attacked pixels multiples of 2^-16, which keeps the file
small. Perturbations are rounded towards zero, so an attacked image cannot leave [0,1] or its
eps ball. The accuracies printed are those of the stored classifier on the stored images.

Needs numpy, scipy, scikit-learn, h5py and PyTorch, and takes a minute on one core. Seeds are
fixed, so the same versions of the libraries give the same files. From the folder analysis:

    python3 -m barydef.demo_set --output ../jobs/demo
"""
import argparse
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from . import torchscript
from .hdf5 import open_file

SEED, N_TEST, EPOCHS = 2024, 300, 100
PAPER, INK = 0.3, 0.7  # enlarged values up to PAPER become 0, those from INK on become 1
CLEAN_STEP, STORED_STEP = 2.0**-8, 2.0**-16


def load_enlarged():
    """Enlarged digits as float32 [n,1,28,28], before their contrast is stretched; labels."""
    digits = load_digits()
    small = np.pad(digits.images / 16.0, ((0, 0), (1, 1), (1, 1)))
    large = np.stack([zoom(s, 2.8, order=3, mode="grid-constant", grid_mode=True) for s in small])
    return large[:, None].astype(np.float32), digits.target.astype(np.int64)


def stretch(large, thinner=0.0):
    """Stretch the contrast to crisp strokes on paper that is exactly 0, without spline ripples."""
    return ((large - PAPER - thinner) / (INK - PAPER)).clamp(0, 1)


def vary(large):
    """Random variants of enlarged digits, stretched, on which the classifier is trained."""

    def uniform(limit, *shape):
        return limit * (2 * torch.rand(len(large), *shape) - 1)

    angle = uniform(np.radians(20))
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
    scale = torch.diag_embed(1 + uniform(0.2, 2))
    scale[:, 0, 1] = uniform(0.3)  # shear
    move = torch.cat([turn @ scale, uniform(3 / 14, 2, 1)], 2)  # 14 pixels are 1 here
    grid = F.affine_grid(move, large.shape, align_corners=False)
    bend = F.interpolate(uniform(2 / 14, 2, 5, 5), 28, mode="bicubic")
    moved = F.grid_sample(large, grid + bend.permute(0, 2, 3, 1), align_corners=False)
    return stretch(moved, thinner=uniform(0.2, 1, 1, 1))


def train(x, y, epochs, batch=50):
    model = nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1),
        nn.ReLU(),  # 14x14 left
        nn.Conv2d(16, 32, 4, stride=2, padding=1),
        nn.ReLU(),  # 7x7 left
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        for index in torch.randperm(len(x)).split(batch):
            loss = F.cross_entropy(model(vary(x[index])), y[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        if (epoch + 1) % 10 == 0:
            print(f"training: epoch {epoch + 1}/{epochs}, loss {loss.item():.4f}", flush=True)
    return model.eval().requires_grad_(False)


def loss_gradient(model, x, y):
    x = x.clone().requires_grad_(True)
    loss = F.cross_entropy(model(x), y, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


def l2_norm(d):  # of each image
    return d.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)


def project(x, clean, norm, eps):
    """Nearest point of the eps ball around clean, then of [0,1] (which stays in the ball)."""
    d = x - clean
    d = d.clamp(-eps, eps) if norm == "linf" else d * (eps / l2_norm(d)).clamp_max(1)
    return (clean + d).clamp(0, 1)


def fgsm(model, clean, y, norm, eps):
    return project(clean + eps * loss_gradient(model, clean, y).sign(), clean, norm, eps)


def pgd(model, clean, y, norm, eps, steps, step_size):
    if norm == "linf":
        start = torch.empty_like(clean).uniform_(-eps, eps)
    else:  # uniform in the ball
        start = torch.randn_like(clean)
        start *= eps * torch.rand(len(clean), 1, 1, 1) ** (1 / clean[0].numel()) / l2_norm(start)
    x = project(clean + start, clean, norm, eps)
    for _ in range(steps):
        gradient = loss_gradient(model, x, y)
        direction = gradient.sign() if norm == "linf" else gradient / l2_norm(gradient)
        x = project(x + step_size * direction, clean, norm, eps)
    return x


def linf_deepfool(model, clean, y, norm, eps, steps, overshoot):
    """Linf steps towards the nearest class border, whose sum is clipped to eps."""
    x = clean.clone()
    for _ in range(steps):
        todo = (model(x).argmax(1) == y).nonzero().flatten()
        if len(todo) == 0:
            break
        at, label = x[todo].requires_grad_(True), y[todo]
        logits = model(at)
        gap = logits - logits.gather(1, label[:, None])  # f_k - f_label, < 0
        slope = torch.stack(
            [
                torch.autograd.grad(gap[:, k].sum(), at, retain_graph=True)[0]
                for k in range(gap.shape[1])
            ],
            1,
        )  # [n,k,1,28,28]
        distance = gap.detach().abs() / slope.flatten(2).abs().sum(2).clamp_min(1e-12)
        distance.scatter_(1, label[:, None], float("inf"))
        shortest, k = distance.min(1)
        way = slope[torch.arange(len(todo)), k].sign()
        length = (1 + overshoot) * (shortest + 1e-4).view(-1, 1, 1, 1)
        x[todo] = (at.detach() + length * way).clamp(0, 1)
    return project(x, clean, norm, eps)


ATTACKS = {  # name: (function, what it is, its settings)
    "fgsm": (fgsm, "FGSM, one step", dict(norm="linf", eps=0.1)),
    "linf_pgd": (pgd, "PGD, random start", dict(norm="linf", eps=0.1, steps=40, step_size=0.01)),
    "l2_pgd": (pgd, "PGD, random start", dict(norm="l2", eps=1.2, steps=50, step_size=0.12)),
    "linf_deepfool": (
        linf_deepfool,
        "DeepFool, clipped to the eps ball",
        dict(norm="linf", eps=0.12, steps=50, overshoot=0.02),
    ),
}


def save_victim(model, example, path):
    """TorchScript without debug records (they hold paths of the machine it was made on)."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(model, example), buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w") as new:
        for name in (n for n in old.namelist() if not n.endswith(".debug_pkl")):
            content = old.read(name)
            assert __file__.encode() not in content and b"-packages/" not in content, name
            entry = zipfile.ZipInfo(name)  # fixed date, stored without compression
            padding = -(new.fp.tell() + 30 + len(name) + 4) % 64  # align data as PyTorch does
            entry.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            new.writestr(entry, content)


def save_images(path, labels, clean, attacked):
    with open_file(path, "w") as file:

        def store(name, images):
            file.create_dataset(
                name,
                data=images,
                chunks=(50,) + images.shape[1:],
                shuffle=True,
                compression="gzip",
                compression_opts=9,
                track_times=False,
            )

        file.attrs.update(schema="attacked-images", schema_version=1, dataset="digits")
        store("labels", labels.numpy())
        store("clean/images", clean.numpy())
        for name, images in attacked.items():
            _, what, settings = ATTACKS[name]
            store(f"attacks/{name}/images", images.numpy())
            file[f"attacks/{name}"].attrs.update(
                norm=settings["norm"],
                epsilon=settings["eps"],
                source=", ".join([what, "white box"] + [f"{k} {v}" for k, v in settings.items()]),
            )


def report(h5_path, victim_path):
    """Check the stored images, and print the stored classifier's accuracy on them."""
    victim = torchscript.load(victim_path)
    print(f"{'attack':<14} {'norm':<5} {'eps':>5} {'largest':>8} {'accuracy':>9}")
    with open_file(h5_path) as file:
        labels, clean = file["labels"][:], file["clean/images"][:]
        for name in ["clean", *ATTACKS]:
            group = file[name if name == "clean" else f"attacks/{name}"]
            norm, eps = group.attrs.get("norm", "-"), group.attrs.get("epsilon", 0.0)
            images = group["images"][:]
            delta = (images.astype(np.float64) - clean).reshape(len(clean), -1)
            size = np.linalg.norm(delta, ord=2 if norm == "l2" else np.inf, axis=1).max()
            assert images.dtype == np.float32 and images.shape == (len(labels), 1, 28, 28)
            assert images.min() >= 0 and images.max() <= 1 and size <= eps, name
            accuracy = (victim(torch.from_numpy(images)).argmax(1).numpy() == labels).mean()
            print(f"{name:<14} {norm:<5} {eps:>5.2f} {size:>8.4f} {accuracy:>8.1%}")
            assert accuracy >= 0.96 if name == "clean" else accuracy < 0.7, name


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default="jobs/demo", help="default: %(default)s")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)

    large, labels = load_enlarged()
    parts = train_test_split(large, labels, test_size=N_TEST, stratify=labels, random_state=SEED)
    x_train, x_test, y_train, y = (torch.from_numpy(p) for p in parts)
    clean = torch.round(stretch(x_test) / CLEAN_STEP) * CLEAN_STEP
    model = train(x_train, y_train, EPOCHS)

    output.mkdir(parents=True, exist_ok=True)
    h5_path, victim_path = output / "digits.h5", output / "victim.pt"
    save_victim(model, clean[:2], victim_path)
    assert torch.equal(torchscript.load(victim_path)(clean), model(clean))

    attacked = {}
    for name, (attack, _, settings) in ATTACKS.items():
        print("attack:", name, flush=True)
        d = attack(model, clean, y, **settings) - clean
        attacked[name] = clean + torch.trunc(d / STORED_STEP) * STORED_STEP  # exact in float32
    save_images(h5_path, y, clean, attacked)
    report(h5_path, victim_path)
    print(*(f"{p}: {p.stat().st_size / 1e3:.0f} kB" for p in (h5_path, victim_path)), sep="\n")


if __name__ == "__main__":
    main()
