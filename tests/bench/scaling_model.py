"""What the scale model needs to know of this machine, and how it compares with measured runs."""

import os
import statistics
from scaling_runs import run

import numpy as np

import scale
from inputs import write_set

# The program of the scale model.
SCALE = os.environ.get("BARYDEF_SCALE")


def costs(folder):
    """Seconds of this machine for the messages of a block, for writing it, and for a byte."""
    path = write_set(
        os.path.join(folder, "costs.h5"),
        {"a": np.random.default_rng(0).random((4000, 1, 28, 28), "f4")},
    )
    job = {"input.file": path, "solver.iterations": 0, "marginals.set": "identity", "run.block": 1}
    small = [run(folder, {**job, "output.images": "no"}, 2) for _ in range(3)]
    message = statistics.median(
        r["message"] / 100 * r["seconds"] / (r["messages"] / 2) for r in small
    )
    write = statistics.median(r["write"] / 100 * r["seconds"] / 4000 for r in small)
    big = write_set(
        os.path.join(folder, "bytes.h5"),
        {"a": np.random.default_rng(0).random((800, 3, 224, 224), "f4")},
    )
    # Rank 0 writes all bytes, and receives those of its items that rank 1 computed.
    large = [
        run(
            folder,
            {
                "input.file": big,
                "solver.iterations": 0,
                "marginals.set": "identity",
                "run.block": 16,
            },
            2,
        )
        for _ in range(3)
    ]
    byte = (
        statistics.median(
            r["seconds"] / 100 * (r["write"] / 800 + r["message"] / (16 * (r["messages"] - 5) / 2))
            for r in large
        )
        / 602112
    )
    os.unlink(big)
    return {"message": message, "write": write, "byte": byte}


def imagenet_compute(folder):
    """Seconds for one image of 3 x 224 x 224, B6, L = 200."""
    path = write_set(
        os.path.join(folder, "imagenet.h5"),
        {"a": np.random.default_rng(0).random((8, 3, 224, 224), "f4")},
    )
    done = run(folder, {"input.file": path, "solver.iterations": 50, "run.block": 8}, 1)
    return done["seconds"] / done["images"] * 4


def check_model(folder, cost):
    """Measured runs beside simulated ones."""
    path = write_set(
        os.path.join(folder, "check.h5"),
        {"a": np.random.default_rng(0).random((2000, 1, 28, 28), "f4")},
    )
    job = {"input.file": path, "solver.iterations": 200, "run.block": 16}
    rows = [
        "| ranks | messages measured | simulated | seconds measured | simulated |",
        "|---|---|---|---|---|",
    ]
    shape = {"images": 2000, "attacks": 1, "runs": 1, "pixels": 784}
    one = statistics.median(run(folder, job, 1)["seconds"] for _ in range(3))
    cost = {**cost, "compute": one / 2000 - cost["write"] / 16 - cost["byte"] * 3136}
    for ranks in 1, 2, 8, 16, 64:
        done = run(folder, job, ranks)
        simulated = scale.simulate(SCALE, ranks, 16, cost, shape)
        rows.append(
            f"| {ranks} | {done.get('messages', 0):.0f} | {simulated.messages} | "
            + (
                f"{done['seconds']:.2f} | {simulated.seconds:.2f} |"
                if ranks <= 2
                else "(cores shared) | |"
            )
        )
    return rows
