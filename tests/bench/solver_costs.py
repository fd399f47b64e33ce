"""What the benchmark measures, one function for each: costs in nanoseconds of the processor, counts
of instructions, and shares of whole runs."""

import ctypes as c
import os
import re
import subprocess
import tempfile
import time

import h5py
import numpy as np

import library
from images import random_images
from support import ENVIRONMENT, MPIRUN

OURS = "**barydef**"
ALONE, GRADIENT = "the images alone", "the images and their gradients"


class Limits(c.Structure):
    _fields_ = [(name, c.c_double) for name in ("exponential", "quotient", "pass_", "planes")]


def limits(instructions, precision="double", side=28):
    ours = c.CDLL(os.environ["BARYDEF_LIMITS"])
    out = Limits()
    getattr(ours, "bd_limits_" + instructions + ("" if precision == "double" else "_single"))(
        side, side, c.byref(out)
    )
    return [out.exponential, out.quotient, 4 * out.pass_, out.planes]


def timed(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def cost(side=28, images=64, L=None, marginals="B6", fallback=0, bits=64, **options):
    """A function that measures one setting once: the difference between L iterations and none."""
    pixels = random_images(1, min(images, 16), 1, side, side)
    pixels = np.concatenate([pixels] * max(1, images // 16))[:images]
    L = L or max(8, int(200 * 28 * 28 / side**2))
    options = dict(dict(gamma=0.5, tau=1e-3), **options, marginals=marginals)
    N, short = library.marginal_set(marginals).count, float("inf")

    def measure():
        nonlocal short
        long, (_, _, reports) = timed(lambda: library.solve(pixels, iterations=[L], **options))
        # Keep the least that was seen.  A disturbed one would make iterations look cheap.
        short = min(
            short,
            *(timed(lambda: library.solve(pixels, iterations=[0], **options))[0] for _ in range(2)),
        )
        assert all(
            (r.status, r.fallback, r.bits) == (0, fallback, bits) for r in reports[0]
        ), "another path was taken than was meant"
        return (long - short) / (images * side * side * N * L) * 1e9

    return measure


def digits():
    """64 images of real digits, 28 x 28: the demo's, attacked."""
    with h5py.File(os.path.join(library.HERE, "../../jobs/demo/digits.h5")) as file:
        group = next(iter(file["attacks"].values()))
        small = group["images"][:64].astype(float)
    height, width = small.shape[2:]
    padding = [(0, 0), (0, 0)] + [((28 - n) // 2, 28 - n - (28 - n) // 2) for n in (height, width)]
    return np.pad(small, padding)


def keep_freed_memory(keep):
    """As barydef does for its victims, or as a process begins.  Unless it is kept, glibc gives
    tensors back to the system at each step, and torch is eight times as slow."""
    M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
    c.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 30 if keep else 1 << 17)
    c.CDLL(None).mallopt(M_TRIM_THRESHOLD, 2**31 - 1 if keep else 1 << 17)


def costs_beside_torch(gamma, L=200):
    """Costs of barydef and of the PyTorch versions on real digits, each checked against the library
    first.  A marginal that shortcuts leave out counts as computed.  In float32 the plain version
    gives NaN at the paper's gamma."""
    import plain
    import torch

    torch.set_num_threads(1)
    keep_freed_memory(True)
    images = digits()
    q = np.stack([library.marginals(i[0], "B6") for i in images], 1)
    q /= q.sum((2, 3), keepdims=True)
    mass = images.sum((2, 3))[:, :, None]
    x = images[:, 0] / mass
    wanted = library.solve(images, gamma=gamma, iterations=[L])[0][0, :, 0]
    q64, x64 = torch.tensor(q), torch.tensor(x)

    def run_plain(count=2, steps=L):
        return [plain.plain(q64[:, i], x64[i], steps, gamma) for i in range(count)]

    def run_careful(steps=L):
        return plain.careful(q64, x64, steps, gamma)

    def run_tuned(steps=L):
        return plain.tuned(q64, x64, steps, gamma)

    def run_ours(steps=L, **options):
        return library.solve(images, gamma=gamma, iterations=[steps], **options)

    with torch.inference_mode():
        for run in (run_careful, run_tuned):
            assert abs(np.clip(run().numpy() * mass, 0, 1) - wanted).max() < 1e-9
        assert abs(np.clip(run_plain()[0].numpy() * mass[0], 0, 1) - wanted[0]).max() < 1e-9

    def per_pixel(run, count, **options):
        def measure():
            with torch.inference_mode():
                whole = timed(lambda: run(**options))[0]
                return (
                    (whole - timed(lambda: run(steps=0, **options))[0])
                    / (count * 784 * 6 * L)
                    * 1e9
                )

        return measure

    return {
        OURS: per_pixel(run_ours, 64),
        "barydef, `solver.shortcuts = no`": per_pixel(run_ours, 64, shortcuts=0),
        "PyTorch, as fast as we could (float64, 64 images, in place)": per_pixel(run_tuned, 64),
        "PyTorch, with care (float64, 64 images at once)": per_pixel(run_careful, 64),
        "PyTorch, as one writes it (float64, image by image)": per_pixel(run_plain, 2),
    }


def costs_of_gradients(gamma, L=200):
    """Milliseconds an image: the images alone, with their gradients, the same within 2 MB an image,
    and by automatic differentiation of the PyTorch version, which must agree."""
    import plain
    import reference
    import torch

    torch.set_num_threads(1)
    images, few = digits(), 8
    adjoints = np.random.default_rng(0).standard_normal(images.shape)
    lanes = {"avx512": 8, "avx2": 4, "baseline": 2}
    block = lanes[library.INSTRUCTIONS[library.lib.bd_instructions_best()]]

    def vjp(memory=0.0):
        return library.vjp(images, adjoints, gamma=gamma, iterations=[L], memory=memory)[0]

    def autograd():
        pixels = torch.tensor(images[:few, 0], requires_grad=True)
        found = plain.purified(pixels, reference.operators("B6"), L, gamma)
        (found * torch.tensor(adjoints[:few, 0])).sum().backward()
        return pixels.grad.numpy()

    wanted = vjp()[:few, 0]
    assert abs(autograd() - wanted).max() < 1e-9 * abs(wanted).max()

    def per_image(run, count, keep=False):
        def measure():
            keep_freed_memory(keep)
            return timed(run)[0] / count * 1e3

        return measure

    return {
        ALONE: per_image(lambda: library.solve(images, gamma=gamma, iterations=[L]), len(images)),
        GRADIENT: per_image(vjp, len(images)),
        "the same within 2 MB an image": per_image(lambda: vjp(2e6 * block), len(images)),
        "automatic differentiation by PyTorch, float64, 8 images at once": per_image(
            autograd, few, keep=True
        ),
    }


def pot_cost(iterations=50):
    """POT's convolutional barycenter of 6 images.  It applies a kernel twice for each of them and
    an iteration, as here."""
    import ot

    images = library.marginals(random_images(3, 1, 1, 28, 28)[0, 0], "B6") + 1e-6
    images /= images.sum((1, 2), keepdims=True)

    def measure():
        def run(count):
            return timed(
                lambda: ot.bregman.convolutional_barycenter2d(
                    images, reg=0.004, numItermax=count, stopThr=0, warn=False
                )
            )[0]

        return (run(iterations) - run(1)) / (784 * 6 * (iterations - 1)) * 1e9

    return measure


def counted(few, many, *setting):
    """Instructions of the AVX2 path that iterations beyond `few` take, and misses of a first cache
    of 32 KiB.  No clock is read, so there is no noise."""
    counts = []
    for L in few, many:
        said = subprocess.run(
            [
                "valgrind",
                "--tool=cachegrind",
                "--cache-sim=yes",
                "--cachegrind-out-file=/dev/null",
                "--D1=32768,8,64",
                "--LL=1048576,16,64",
                os.environ["BARYDEF_COUNT"],
                str(L),
                *setting,
            ],
            capture_output=True,
            text=True,
        )
        assert said.returncode == 0, said.stderr
        counts.append(
            [
                int(re.search(name + r" *: *([\d,]+)", said.stderr)[1].replace(",", ""))
                for name in ("I +refs", "D1 +misses")
            ]
        )
    return [after - before for before, after in zip(*counts)]


def sweeps(*setting):
    """(sweeps over a marginal of a register of images, evaluations left out) of one setting,
    counted by valgrind."""
    with tempfile.NamedTemporaryFile() as profile:
        said = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--callgrind-out-file=" + profile.name,
                os.environ["BARYDEF_COUNT"],
                *map(str, setting),
            ],
            capture_output=True,
            text=True,
        )
        assert said.returncode == 0, said.stderr
        text = profile.read().decode()
    # A name is written once, with a number that stands for it from then on.
    number = re.search(r"fn=\((\d+)\) bd_sweep_marginal_", text)
    calls = re.findall(r"^cfn=\(%s\).*\ncalls=(\d+)" % number[1], text, re.M) if number else []
    return sum(map(int, calls)), int(said.stdout)


def instructions():
    """Instructions per pixel, marginal and iteration."""
    return counted(16, 48)[0] / (8 * 784 * 6 * 32)


def besides(L=200, rounds=15):
    """Work beside the iterations (solver, marginals, masses, the store of results), in percent of L
    iterations, for points of a sweep over four gammas: each alone, and sharing the moved images.
    """
    pixels = random_images(4, 64, 1, 28, 28)

    def sweep(moved, steps):
        for gamma in (0.02, 0.05, 0.1, 0.2):
            library.solve(pixels, iterations=[steps], gamma=gamma, moved=moved)

    def shared(steps):
        with library.shared_moves() as moved:
            sweep(moved, steps)

    found = []
    for _ in range(rounds):
        alone, together, whole = (
            timed(run)[0] for run in (lambda: sweep(None, 0), lambda: shared(0), lambda: shared(L))
        )
        found.append((100 * alone / whole, 100 * together / whole, together / alone))
    return list(zip(*found))


def whole_set(name, victim, ranks, limit=None, runs=5):
    """The summary line of a real run, and for each run what all but the solve takes, in percent of
    the solve.  Nothing where the set is not there."""
    data = os.environ.get("BARYDEF_DATA")
    if not data or not os.path.exists(os.path.join(data, name + ".h5")):
        return None, []
    shares = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            job = os.path.join(folder, "job.ini")
            with open(job, "w") as file:
                file.write(
                    f"[input]\nfile = {data}/{name}.h5\n"
                    + (f"limit = {limit}\n" if limit else "")
                    + "[output]\nfile = out.h5\n"
                    f"[victim]\nfile = {data}/victims/{victim}\n"
                )
            said = subprocess.run(
                [MPIRUN, "-n", str(ranks), os.environ["BARYDEF"], "run", job],
                capture_output=True,
                text=True,
                env={
                    name: value
                    for name, value in ENVIRONMENT.items()
                    if name != "OPENBLAS_CORETYPE"
                },
            )  # without OPENBLAS_CORETYPE, so that the program chooses
        assert said.returncode == 0, said.stderr
        line = next(line for line in said.stdout.splitlines() if " images in " in line)
        solving, *others = [float(share) for share in re.findall(r"([\d.]+) %", line)]
        others.append(float(re.search(r"rank 0 spent ([\d.]+) %", said.stdout).group(1)))
        shares.append(100 * sum(others) / solving)
    return line, shares
