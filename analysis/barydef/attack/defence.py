"""What an attacker knows: the bare classifier, or what it has in front."""

import configparser
import os
from collections import namedtuple

from ..errors import Unsuitable

# The choices of --through and --gradient. barydef attack JOB.ini has the same words.
THROUGH = "victim", "blurred", "purified"
GRADIENTS = "exact", "identity", "mean"
BLUR = "baseline.blur_sigma"

# What is written of an attack beside norm, epsilon and source. Empty where it is not to be written.
About = namedtuple("About", "through gradient purifier")


def entries_of(path):
    """What a layer can take of a job as {"section.key": value}, and which of it is swept."""
    parser = configparser.ConfigParser(
        delimiters="=", comment_prefixes=(";", "#"), inline_comment_prefixes=";", interpolation=None
    )
    parser.optionxform = str
    if not os.path.isfile(path):
        raise Unsuitable(f"{path}: no such file")
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as problem:
        raise Unsuitable(f"{path}: no job ({' '.join(str(problem).split())})") from None
    found = {
        f"{section}.{key}": value
        for section in parser.sections()
        for key, value in parser[section].items()
    }
    swept = [name[6:] for name in found if name.startswith("sweep.") and is_ours(name[6:])]
    return {name: value for name, value in found.items() if is_ours(name)}, swept


def is_ours(name):
    return name.startswith(("marginals.", "solver.")) or name == BLUR


def settings_of(job, changes):
    """What a job says of the layer, and --set instead of it."""
    # The program takes any argument that ends in .ini for a job that it is to run itself.
    job = f"{job}.ini" if job and not os.path.isfile(job) else job
    found, swept = entries_of(job) if job else ({}, [])
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not is_ours(name):
            raise Unsuitable(
                f"--set {change}: needs KEY=VALUE, KEY of marginals or solver, or {BLUR}"
            )
        found[name] = value
    for name in swept:
        if not any(change.startswith(f"{name}=") for change in changes):
            raise Unsuitable(f"{job}: sweeps {name}; --set {name}=VALUE chooses one")
    return found


def text_of(settings):
    """The sections [marginals] and [solver] with all their keys, as the program writes them."""
    from ..core import settings as all_settings

    lines, known = [], all_settings()
    for section in "marginals", "solver":
        lines.append(f"[{section}]")
        for name in known:
            if name.startswith(section + "."):
                value = settings.get(name, known[name].default)
                lines.append(f"{name.partition('.')[2]} = {value}")
        lines.append("")
    return "\n".join(lines) + "\n"


def behind(model, arguments):
    """(the classifier with what the attacker knows in front, its About)."""
    import torch

    from .. import torch as layers

    through = arguments.through
    if through == "victim":
        if arguments.job or arguments.set:
            raise Unsuitable("--job and --set tell of a purifier, which --through purified needs")
        return model, About(through, "", "")
    settings = settings_of(arguments.job, arguments.set)
    purifier = {name: value for name, value in settings.items() if name != BLUR}
    if through == "blurred":
        return (
            torch.nn.Sequential(layers.Blur(float(settings.get(BLUR, 0.5))), model).eval(),
            About(through, "", text_of(purifier)),
        )
    layer = layers.Purify(
        layers.Purifier(purifier, threads=arguments.threads), gradient=arguments.gradient
    )
    return torch.nn.Sequential(layer, model).eval(), About(
        through, arguments.gradient, text_of(purifier)
    )
