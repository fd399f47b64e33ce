"""How a run scales: simulates 1 to 16,384 ranks with the program's own schedule (scale.c) and
costs that were measured.

    /usr/bin/python3 tests/bench/scale.py --program build/tests/scale --compute 0.29 --message 1e-5
        --write 1e-4 --byte 5e-10 --pixels 150528 --images 50000 --attacks 10 --runs 24
"""

import argparse
import collections
import subprocess

Run = collections.namedtuple("Run", "ranks block all_write seconds speedup messages served waited")
RANKS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]


def simulate(program, ranks, block, costs, job, all_write=False):
    """costs: compute, message, write, byte, in seconds; job: images, attacks, runs, pixels (values
    of an image)."""
    out = subprocess.run(
        [
            program,
            *map(
                str,
                (
                    ranks,
                    job["images"],
                    job["attacks"],
                    job["runs"],
                    block,
                    costs["compute"],
                    costs["message"],
                    costs["write"],
                    costs["byte"],
                    4 * job["pixels"],
                    int(all_write),
                ),
            ),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return Run(
        ranks,
        block,
        all_write,
        float(out[0]),
        float(out[1]),
        int(out[2]),
        float(out[3]),
        float(out[4]),
    )


def sweep(program, costs, job, blocks, ranks=RANKS):
    """Runs of all numbers of ranks, with one block of each size, written by rank 0 and by all."""
    return [
        simulate(program, r, block, costs, job, all_write)
        for block in blocks
        for all_write in (False, True)
        for r in ranks
    ]


def plot(path, title, runs):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    curves = collections.defaultdict(list)
    for run in runs:
        curves[run.block, run.all_write].append(run)
    colours = dict(
        zip(sorted({block for block, _ in curves}), ["#4477aa", "#228833", "#cc6677", "#aa3377"])
    )
    for (block, all_write), curve in curves.items():
        label = f"blocks of {block}, written by {'all' if all_write else 'rank 0'}"
        style = {
            "color": colours[block],
            "linestyle": "-" if all_write else "--",
            "marker": "o",
            "markersize": 3,
        }
        axes[0].loglog(
            [run.ranks for run in curve],
            [run.speedup for run in curve],
            label=label,
            base=2,
            **style,
        )
        axes[1].semilogx(
            [run.ranks for run in curve], [100 * run.served for run in curve], base=2, **style
        )
    axes[0].loglog(RANKS, RANKS, color="black", linewidth=0.7, base=2, label="ideal")
    axes[0].set(xlabel="ranks", ylabel="times as fast as one rank", title=title)
    axes[0].legend(fontsize=7, frameon=False)
    axes[1].set(
        xlabel="ranks",
        ylabel="time of rank 0 on messages and writing, %",
        title="Where rank 0 saturates",
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--program", required=True, help="the simulator: cmake --build build --target scale"
    )
    for name, meaning in (
        ("compute", "seconds of a rank for one image of one run"),
        ("message", "seconds of rank 0 for a block's messages"),
        ("write", "seconds of rank 0 for a block besides its bytes"),
        ("byte", "seconds for a byte"),
    ):
        parser.add_argument(f"--{name}", type=float, required=True, help=meaning)
    for name in "images", "attacks", "runs", "pixels":
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--blocks", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--plot", help="a PNG or SVG to write")
    a = parser.parse_args()
    runs = sweep(a.program, vars(a), vars(a), a.blocks)
    for run in runs:
        print(
            f"{run.ranks:6d} ranks, blocks of {run.block:3d}, "
            f"written by {'all   ' if run.all_write else 'rank 0'}: {run.seconds:12.1f} s, "
            f"{run.speedup:9.1f} times as fast, "
            f"rank 0 {100 * run.served:5.1f} % on messages and writing"
        )
    if a.plot:
        plot(a.plot, "", runs)


if __name__ == "__main__":
    main()
