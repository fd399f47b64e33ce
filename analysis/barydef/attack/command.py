"""`barydef attack`: makes a set of attacked images from a data set and a victim."""

import sys

import numpy as np
import torch

from .. import set_file
from ..files import check_output
from . import datasets, presets, runners, victim


def say(line):
    print(line, file=sys.stderr)


def progress(what, done, total):
    """A bar on a terminal; elsewhere one line at the end."""
    if sys.stderr.isatty():
        bar, end = "#" * (30 * done // total), "\n" if done == total else ""
        print(f"\r{what}: [{bar:30s}] {done}/{total}", end=end, file=sys.stderr)
    elif done == total:
        say(f"{what}: {done} images")


def attacked(name, model, clean, labels, setting, batch, seed):
    """(images, source) of one attack. Each batch has a seed of its own."""
    stacks, source, said = [], "", {}
    for start in range(0, len(labels), batch):
        x, y = (torch.as_tensor(part[start : start + batch]) for part in (clean, labels))
        images, made = runners.run(name, model, x, y, *setting, seed + start, said)
        source = source or made
        stacks.append(images.numpy().astype("f4"))
        progress(name, min(start + batch, len(labels)), len(labels))
    for line in said:
        say(f"{name}: {line}")
    return np.concatenate(stacks), source


def announce(arguments, name, how, preset, settings, count, accuracy, guesses):
    doubt = " (no better than guessing: is this their victim?)" * bool(guesses)
    say(f"{name} ({how}): {count} images, accuracy {100 * accuracy:.1f} %{doubt}")
    attacks = ", ".join(
        f"{one} {norm} {epsilon:.4g}" for one, (norm, epsilon, _) in settings.items()
    )
    say(f"settings of {preset}{' (--preset)' * bool(arguments.preset)}: {attacks}")
    if not arguments.attacks and presets.left_out():
        say(presets.left_out())


def run(arguments):
    """Write arguments.output; its path."""
    path, batch = arguments.victim, arguments.batch
    check_output(arguments.output, arguments.overwrite, [arguments.data, path])
    name, how, images, labels = datasets.read(arguments.data, arguments.dataset)
    images, labels = images[: arguments.limit or None], labels[: arguments.limit or None]
    clean = (images / 255 if images.dtype == np.uint8 else images).astype("f4")
    preset = arguments.preset or presets.preset_of(name, clean.shape[1])
    chosen = arguments.attacks.split(",") if arguments.attacks else presets.runnable()
    settings = {one: presets.setting(one, preset, arguments.epsilon) for one in chosen}
    torch.set_num_threads(arguments.threads)
    model = victim.load(path)
    accuracy, guesses = victim.check(model, path, clean, labels, batch)
    classes = victim.logits_of(model, path, clean[:1], 1).shape[1]
    settings = {
        one: (norm, epsilon, presets.for_classes(one, options, classes))
        for one, (norm, epsilon, options) in settings.items()
    }
    announce(arguments, name, how, preset, settings, len(labels), accuracy, guesses)
    found = {}
    for one, setting in settings.items():
        norm, epsilon, _ = setting
        stack, source = attacked(one, model, clean, labels, setting, batch, arguments.seed)
        found[one] = (stack, norm, epsilon, source)
        right = np.mean(victim.logits_of(model, path, stack, batch).argmax(1) == labels)
        say(f"{one}, {norm} {epsilon:.4g}: accuracy {100 * right:.1f} % ({source})")
    set_file.write_set(arguments.output, labels, clean, found, name)
    return arguments.output
