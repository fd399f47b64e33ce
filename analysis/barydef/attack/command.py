"""`barydef attack`: makes a set of attacked images from a data set and a victim."""

import sys

import numpy as np
import torch

from .. import set_file
from ..files import check_output
from . import datasets, defence, presets, runners, victim
from .runners import Batch


def say(line):
    print(line, file=sys.stderr)


def progress(what, done, total):
    """A bar on a terminal; elsewhere one line at the end."""
    if sys.stderr.isatty():
        bar, end = "#" * (30 * done // total), "\n" if done == total else ""
        print(f"\r{what}: [{bar:30s}] {done}/{total}", end=end, file=sys.stderr)
    elif done == total:
        say(f"{what}: {done} images")


def attacked(setting, model, images, arguments):
    """(images, source) of one attack on a Batch of all images. Each part has a seed of its own."""
    stacks, source, said, count, size = [], "", {}, len(images.labels), arguments.batch
    for start in range(0, count, size):
        part = Batch(*(torch.as_tensor(one[start : start + size]) for one in images))
        found, made = runners.run(setting, model, part, arguments.seed + start, said)
        source = source or made
        stacks.append(found.numpy().astype("f4"))
        progress(setting.name, min(start + size, count), count)
    for line in said:
        say(f"{setting.name}: {line}")
    return np.concatenate(stacks), source


def announce(arguments, preset, settings):
    """Say which settings are taken, and which attacks are not."""
    attacks = ", ".join(f"{one.name} {one.norm} {one.epsilon:.4g}" for one in settings)
    say(f"settings of {preset}{' (--preset)' * bool(arguments.preset)}: {attacks}")
    if not arguments.attacks and presets.left_out():
        say(presets.left_out())


def chosen(arguments, preset, classes):
    """The settings of the attacks that are asked for, or of those that can run."""
    names = arguments.attacks.split(",") if arguments.attacks else presets.runnable()
    settings = [presets.setting(one, preset, arguments.epsilon) for one in dict.fromkeys(names)]
    return [presets.for_classes(one, classes) for one in settings]


def run(arguments):
    """Write arguments.output. Returns its path."""
    path, batch = arguments.victim, arguments.batch
    check_output(arguments.output, arguments.overwrite, [arguments.data, path])
    name, how, images, labels = datasets.read(arguments.data, arguments.dataset)
    images, labels = images[: arguments.limit or None], labels[: arguments.limit or None]
    clean = (images / 255 if images.dtype == np.uint8 else images).astype("f4")
    preset = arguments.preset or presets.preset_of(name, clean.shape[1])
    torch.set_num_threads(arguments.threads)
    model = victim.load(path)
    accuracy, guesses = victim.check(model, path, clean, labels, batch)
    settings = chosen(arguments, preset, victim.logits_of(model, path, clean[:1], 1).shape[1])
    model, about = defence.behind(model, arguments)
    doubt = " (no better than guessing: is this their victim?)" * bool(guesses)
    say(f"{name} ({how}): {len(labels)} images, accuracy {100 * accuracy:.1f} %{doubt}")
    if about.through != "victim":
        accuracy, _ = victim.check(model, f"{path} behind {about.through}", clean, labels, batch)
        say(f"{about.through}: {model[0]}: accuracy {100 * accuracy:.1f} %")
    announce(arguments, preset, settings)
    found = {}
    for one in settings:
        stack, source = attacked(one, model, Batch(clean, labels), arguments)
        found[one.name] = set_file.Attacked(stack, one.norm, one.epsilon, source, *about)
        right = np.mean(victim.logits_of(model, path, stack, batch).argmax(1) == labels)
        say(f"{one.name}, {one.norm} {one.epsilon:.4g}: accuracy {100 * right:.1f} % ({source})")
    set_file.write_set(arguments.output, labels, clean, found, name)
    return arguments.output
