#!/usr/bin/env python3
"""Draw a few images of a result: clean, attacked, purified, and what the purifier took away.

    /usr/bin/python3 analysis/before_after.py build/demo-result.h5 --output docs/before-after.png

Shown are the first images that the victim gets wrong when attacked and right when purified."""

import argparse
import os

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def inputs_of(result, path):
    """The input file as the result names it, or beside the result's own folder."""
    name = result.attrs["input_file"].decode() if isinstance(result.attrs["input_file"], bytes) else result.attrs["input_file"]
    return name if os.path.exists(name) else os.path.join(os.path.dirname(path), os.path.basename(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result")
    parser.add_argument("--run", default="000")
    parser.add_argument("--attack", help="default: the attack with most recovered images")
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--output", default="before-after.png")
    arguments = parser.parse_args()

    with h5py.File(arguments.result) as result, h5py.File(inputs_of(result, arguments.result)) as inputs:
        rows = [r for r in result["statistics"] if r["run"] == int(arguments.run)]
        attack = arguments.attack or max(rows, key=lambda r: r["recovered"])["attack"].decode()
        records = result[f"runs/{arguments.run}/{attack}/per_image"][:]
        wrong_then_right = (records["predicted_attacked"] != records["label"]) & (records["predicted_purified"] == records["label"])
        chosen = np.flatnonzero(wrong_then_right)[:arguments.images]
        if len(chosen) == 0:
            parser.exit(1, f"no image of {attack} is recovered in run {arguments.run}\n")
        stacks = [("clean", inputs["clean/images"]), (f"attacked: {attack}", inputs[f"attacks/{attack}/images"]),
                  ("purified", result[f"runs/{arguments.run}/{attack}/images"])]
        pictures = [(name, np.stack([stack[i] for i in chosen]).astype(float)) for name, stack in stacks]

    pictures.append(("purified - attacked", pictures[2][1] - pictures[1][1]))
    figure, axes = plt.subplots(4, len(chosen), figsize=(1.15 * len(chosen) + 1.4, 4.9), squeeze=False)
    for row, (name, images) in enumerate(pictures):
        for column, image in enumerate(images):
            ax = axes[row, column]
            shown = image.transpose(1, 2, 0).squeeze()
            if row == 3:
                ax.imshow(shown if shown.ndim == 2 else shown.mean(2), cmap="RdBu", vmin=-0.3, vmax=0.3)
            else:
                ax.imshow(np.clip(shown, 0, 1), cmap="gray", vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            record = records[chosen[column]]
            if row in (1, 2):
                wrong = row == 1
                ax.set_title("seen as %d" % record["predicted_attacked" if wrong else "predicted_purified"], fontsize=8, pad=2,
                             color="#b02020" if wrong else "#206020")
        axes[row, 0].set_ylabel(name.replace(": ", ":\n").replace(" - ", "\n- "), fontsize=8, rotation=0, ha="right", va="center")
    figure.subplots_adjust(left=0.19, right=0.995, top=0.99, bottom=0.01, hspace=0.2, wspace=0.04)
    figure.savefig(arguments.output, dpi=110)
    print(arguments.output)


if __name__ == "__main__":
    main()
