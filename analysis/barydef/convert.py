"""Sets of attacked images from files that people have, and back to NumPy's.

Arrays come from .npz, .npy, HDF5 of any layout, MATLAB, torch.save, and folders of pictures
(sources.py). There are labels (whole numbers [n], [n,1] or [1,n], or one-hot rows), optionally
clean images, and images of each attack. Which is which, their names say (RESERVED), or --as. The
names of the other images become those of the attacks. What is no image is named and not taken.
`attributes`, a text in JSON, holds what is no array: {"dataset": ..., "attacks": {name: {"norm",
"epsilon", "source", and where they are known "through", "gradient", "purifier"}}}. Of a result it
also holds the file's name as "result", its "run" and "parameters", and which arrays are
"purified"."""

import json
import os
import zipfile
from dataclasses import dataclass, field, replace

import numpy as np

from . import sources
from .bounds import bound_in_words, measured
from .errors import Unsuitable
from .files import reading, written
from .formats import CLEAN, INPUT_SCHEMA, RESULT_SCHEMA
from .hdf5 import opened
from .result import Result
from .pixels import Scale, channels_first, layout_of, to_pixels
from .set_file import Attacked, check_labels, check_name, check_set, write_set
from .text import text

# What the name of an array means, in lower case. Any other is an attack's. `attack` reads the same.
RESERVED = {
    **dict.fromkeys(
        ("labels", "label", "y", "y_test", "y_true", "targets", "target", "test_labels"), "labels"
    ),
    **dict.fromkeys(
        (CLEAN, "x_clean", "x_test", "x", "images", "x_orig", "x_nat", "test_images"), CLEAN
    ),
    "attributes": "attributes",
}
# Arrays that are not of the test set.
TRAINING = {"x_train", "train_images", "train", "x_val", "val_images"}
KINDS = {
    "norm": str,
    "epsilon": float,
    "source": str,
    **dict.fromkeys(("through", "gradient", "purifier"), str),
}
# barydef shows the start of a source, so what tells runs apart comes first.
FOREMOST = (
    "marginals.set",
    "solver.gamma",
    "solver.theta",
    "solver.tau",
    "solver.iterations",
    "solver.cost",
    "solver.window",
)
PURIFIED_CLEAN = "purified_clean"  # purified images of clean ones are no longer clean


# ---- into barydef's format ----


def run_of(about):
    """Where purified images come from, in words; "" of other images."""
    if "run" not in about:
        return ""
    parameters = about["parameters"]
    known = {
        name: parameters[name]
        for name in (*FOREMOST, *parameters)
        if name.startswith(("marginals.", "solver.")) and name in parameters
    }
    settings = ", ".join(f"{name}={value}" for name, value in known.items())
    return f"run {about['run']} of {about.get('result', 'a result')}: {settings}"


def attributes_of(array, path):
    """What a set can keep of `attributes`, with "purified" as {name: run_of}."""
    with reading(
        path, "a file of this package: its attributes are no text in JSON of the form of convert.py"
    ):
        about = {} if array is None else json.loads(str(array))
        return {
            "dataset": str(about.get("dataset", "")),
            "purified": dict.fromkeys(about.get("purified", ()), run_of(about)),
            "attacks": {
                name: {key: KINDS[key](one[key]) for key in KINDS if key in one}
                for name, one in about.get("attacks", {}).items()
            },
        }


def meaning(source, renamed):
    """What an array is: "labels", "clean", "attributes", or the name of an attack."""
    name = source.name
    if name in renamed or source.is_attack:
        return renamed.get(name, name)
    return RESERVED.get(name.lower()) or name.replace("/", "_")


def read_sources(paths, labels=None, renamed=None):
    """({meaning: Source}, dataset) of files; `labels` is the path of the labels."""
    found, dataset = {}, ""
    read = [(path, sources.read(path)) for path in paths]
    if labels:
        read.append((labels, only_labels(labels)))
    for path, contents in read:
        dataset = dataset or contents.dataset
        for source in contents.arrays:
            name = meaning(source, renamed or {})
            if name in found:
                raise Unsuitable(f"{path}: a second array of {name}; --as ARRAY=NAME names them")
            found[name] = source
    return found, dataset


def only_labels(path):
    """The labels of a file that holds nothing else, whatever their name there."""
    arrays = sources.read(path).arrays
    if len(arrays) > 1:
        arrays = [one for one in arrays if RESERVED.get(one.name.lower()) == "labels"] or arrays
    if len(arrays) != 1:
        names = ", ".join(one.name for one in arrays)
        raise Unsuitable(f"{path}: holds {names}; one array of labels is needed")
    return sources.Contents([replace(arrays[0], name="labels")])


def read_arrays(paths, labels=None):
    """Two dictionaries: the arrays of files, and which file each is from.

    Their keys are "labels", "clean", "attributes" and the names of the attacks."""
    found, _ = read_sources(paths, labels)
    arrays = {name: source.array for name, source in found.items()}
    return arrays, {name: source.path for name, source in found.items()}


def wanted(names, chosen, path):
    """The chosen of these names, or all of them."""
    for name in chosen or ():
        if name not in names:
            raise Unsuitable(f"{path}: no attack {name}; there are {', '.join(names)}")
    return chosen or list(names)


def rename_purified(images, attacks, about, path):
    """Turn purified clean images into an attack of their own, and let sources tell the run."""
    purified = about["purified"]
    if CLEAN in images and CLEAN in purified:
        if PURIFIED_CLEAN in images:
            raise Unsuitable(f"{path}: a second array of {PURIFIED_CLEAN}")
        images[PURIFIED_CLEAN] = images.pop(CLEAN)
        attacks[PURIFIED_CLEAN] = {"norm": "none", "epsilon": 0, "source": "clean images"}
        purified[PURIFIED_CLEAN] = purified[CLEAN]
    for name in attacks.keys() & purified.keys():
        attacks[name]["source"] = f"{purified[name]}; made from: {attacks[name]['source']}"


@dataclass(frozen=True)
class Unsaid:
    """What is written where the files do not say it."""

    dataset: str = ""
    norm: str = "unknown"
    epsilon: float = float("nan")


@dataclass(frozen=True)
class Reading:
    """How arrays are read: names, axes and scale that the caller tells."""

    renamed: dict = field(default_factory=dict)  # {array: "labels", "clean" or an attack's name}
    layout: str = ""
    scale: Scale = Scale()


def shown(array):
    return f"{array.dtype} [{','.join(map(str, array.shape))}]"


def oriented(source, count):
    """(array with its images along the first axis, note), wherever they were."""
    array = source.array
    if source.is_reversed:
        array, note = array.T, "axes reversed as MATLAB has them"
        if array.ndim > 2 and array.shape[0] != count and array.shape[-1] == count:
            array, note = np.moveaxis(array, -1, 0), "axes reversed, and images moved to the front"
        return array, note
    if array.ndim > 2 and array.shape[0] != count and array.shape[-1] == count:
        if source.is_hdf5:
            return array.T, "axes reversed as R has them"
        return np.moveaxis(array, -1, 0), "images moved from the last axis to the first"
    return array, ""


def split_lists(found, count, epsilons):
    """Make arrays [k,n,...], as Foolbox gives for several epsilons, into k attacks."""
    for name, source in list(found.items()):
        array = source.array
        if array.ndim != 5 or array.shape[1] != count:
            continue
        del found[name]
        listed = epsilons if len(epsilons) == len(array) else [None] * len(array)
        for number, (one, epsilon) in enumerate(zip(array, listed)):
            told = {} if epsilon is None else {"epsilon": float(epsilon)}
            ending = number if epsilon is None else f"{epsilon:g}"
            found[f"{name}_{ending}"] = replace(source, array=one, told={**source.told, **told})


def set_apart(found, unsaid, notes):
    """(images {name: Source}, unsaid with what scalars say, epsilons of a list)."""
    images, epsilons = {}, []
    for name, source in found.items():
        array, lower = np.asarray(source.array), name.lower()
        numbers = array.dtype.kind in "biuf"
        if numbers and array.ndim > 2 and lower not in TRAINING:
            images[name] = source
            continue
        if numbers and lower in ("eps", "epsilon", "epsilons") and array.size == 1:
            unsaid = replace(unsaid, epsilon=float(array.item()))
            notes.append(f"{source.path}: {name}: epsilon {unsaid.epsilon:g} of the attacks")
        elif numbers and lower in ("eps", "epsilon", "epsilons") and array.ndim == 1:
            epsilons = array.tolist()
            notes.append(f"{source.path}: {name}: epsilons of a list of attacks")
        elif lower == "norm" and array.size == 1:
            unsaid = replace(unsaid, norm=sources.norm_of(array.item()))
            notes.append(f"{source.path}: {name}: norm {unsaid.norm} of the attacks")
        else:
            notes.append(f"{source.path}: {name}: not taken ({shown(array)})")
    return images, unsaid, epsilons


def pixels_of(name, source, count, how):
    """([n,C,H,W] of pixels, notes) of an array of images."""
    array, note = oriented(source, count)
    notes = [note] if note else []
    if array.ndim == 4 and layout_of(array.shape, name, how.layout) == "nhwc":
        notes.append("channels moved from the last axis")
    if array.ndim == 3:
        notes.append("one channel")
    images, more = to_pixels(channels_first(array, name, how.layout), name, how.scale)
    return images, notes + more


def to_set(paths, output, labels=None, unsaid=Unsaid(), chosen=None, how=Reading(), dry_run=False):
    """Write files in barydef's format. Returns lines that say what was taken for what.

    `labels` is the path of the labels, where the other files have none; `chosen` are the names of
    the attacks to take, None for all."""
    found, dataset = read_sources(paths, labels, how.renamed)
    numbers, about, lines = found.pop("labels", None), found.pop("attributes", None), []
    about = attributes_of(about and about.array, about and about.path)
    if numbers is None:
        raise Unsuitable(
            f"{paths[0]}: no array named labels (or y, y_test); --labels names a file, and "
            f"--as ARRAY=labels an array{names_in_words(found)}"
        )
    labels = check_labels(np.asarray(numbers.array), f"{numbers.path}: labels")
    lines.append(
        f"{numbers.path}: {numbers.name}: labels {labels.min()} to {labels.max()} "
        f"({shown(np.asarray(numbers.array))})"
    )
    arrays, unsaid, epsilons = set_apart(found, unsaid, lines)
    split_lists(arrays, len(labels), epsilons)
    for name, source in found.items() if not arrays else ():
        channels_first(np.asarray(source.array), name)  # refuses it
    if not arrays:
        raise Unsuitable(f"{paths[0]}: no images in it")
    for name in arrays.keys() - {CLEAN}:
        check_name(name)
    images, words = {}, {}
    for name in wanted(arrays, chosen, paths[0]):
        images[name], words[name] = pixels_of(name, arrays[name], len(labels), how)
    attacks = {name: known_of(arrays[name], unsaid, about) for name in images if name != CLEAN}
    arrays.setdefault(PURIFIED_CLEAN, arrays.get(CLEAN))
    words.setdefault(PURIFIED_CLEAN, words.get(CLEAN))
    rename_purified(images, attacks, about, paths[0])
    check_set(labels, images)
    told = {}
    for name, known in attacks.items():
        clean = images.get(CLEAN)
        known["norm"], known["epsilon"], told[name] = measured(images[name], clean, known)
        bound = bound_in_words(known["norm"], known["epsilon"], told[name])
        lines.append(taken(arrays[name], images[name], [f"attack {name}", *words[name], bound]))
        others = {key: one for key, one in arrays[name].told.items() if key not in KINDS}
        told[name].update(others)
    if CLEAN in images:
        lines.append(taken(arrays[CLEAN], images[CLEAN], ["clean images", *words[CLEAN]]))
    if not dry_run:
        write_set(
            output,
            labels,
            images.get(CLEAN),
            {name: Attacked(images[name], **known) for name, known in attacks.items()},
            unsaid.dataset or about["dataset"] or dataset,
            told,
            "nchw" if how.layout else "",
        )
    return lines


def known_of(source, unsaid, about):
    """What is known of an attack: of the options, of its file, and of `attributes`."""
    return {
        "norm": unsaid.norm,
        "epsilon": unsaid.epsilon,
        "source": f"converted from {source.path}",
        **{key: value for key, value in source.told.items() if key in KINDS},
        **about["attacks"].get(source.name, {}),
    }


def taken(source, images, words):
    """A line that says what an array was taken for."""
    kinds = f"{shown(np.asarray(source.array))} as {shown(images)}"
    return f"{source.path}: {source.name}: {'; '.join([words[0], kinds, *words[1:]])}"


def names_in_words(found):
    return f"; there are {', '.join(found)}" if found else ""


# ---- and back ----


def plain(value):
    """An attribute as JSON can hold it."""
    if isinstance(value, (bytes, str)):
        return text(value)
    return value.tolist() if hasattr(value, "tolist") else value


def groups_of_set(file):
    """({attack: its group}, what is known of the file)."""
    groups = dict(file.get("attacks", {}).items())
    if CLEAN in file:
        groups[CLEAN] = file[CLEAN]
    return groups, {"dataset": text(file.attrs.get("dataset", ""))}


def groups_of_result(path, run):
    """({attack: its group in this run}, what is known of the run)."""
    result = Result(path)
    first, last = result.runs[0], result.runs[-1]
    if run is None and len(result.runs) > 1:
        raise Unsuitable(f"{path}: {len(result.runs)} runs, {first} to {last}; --run chooses one")
    number = first if run is None else f"{run:03d}"
    if number not in result.runs:
        raise Unsuitable(f"{path}: no run {number}; there are {first} to {last}")
    place = result.file[f"runs/{number}"]
    return (
        {name: place[name] for name in result.attacks},
        {
            "dataset": result.dataset,
            "result": os.path.basename(path),
            "run": number,
            "parameters": {name: plain(value) for name, value in place.attrs.items()},
        },
    )


def check_groups(groups, path):
    """Refuse groups that hold no images, or whose names mean something else in an .npz."""
    for name, group in groups.items():
        if "images" not in group:
            raise Unsuitable(f"{path}: it holds no images of {name} (output.images = no)")
        if name != CLEAN and name.lower() in RESERVED:
            raise Unsuitable(
                f"{path}: attack {name} would be taken for {RESERVED[name.lower()]} in an .npz; "
                "--attack chooses others"
            )


def told_of(group):
    """What the attributes of a group say of its attack, epsilon only where it is known."""
    known = {key: plain(group.attrs[key]) for key in KINDS if key in group.attrs}
    return {key: value for key, value in known.items() if value == value}


def arrays_of(path, labels, groups, about):
    """(name, array) one after the other, so that no more than one of them is in memory."""
    yield "labels", labels
    yield "attributes", np.array(json.dumps(about))
    for name, group in groups.items():
        with reading(path, "whole"):
            images = group["images"][:]
        yield name, images


def to_arrays(path, output, run=None, chosen=None):
    """Write a set, or the purified images of one run of a result, as an .npz of the same names."""
    with reading(path, "a set of attacked images or a result of barydef"), opened(path) as file:
        schema = text(file.attrs.get("schema", ""))
        if schema not in (INPUT_SCHEMA, RESULT_SCHEMA):
            raise Unsuitable(f"{path}: neither a set of attacked images nor a result of barydef")
        if schema == INPUT_SCHEMA and run is not None:
            raise Unsuitable(f"{path}: a set of attacked images has no runs")
        groups, about = (
            groups_of_set(file) if schema == INPUT_SCHEMA else groups_of_result(path, run)
        )
        groups = {name: groups[name] for name in wanted(groups, chosen, path)}
        if "run" in about:
            about["purified"] = list(groups)
        check_groups(groups, path)
        about["attacks"] = {name: told_of(group) for name, group in groups.items() if name != CLEAN}
        with written(output) as temporary, zipfile.ZipFile(
            temporary, "w", zipfile.ZIP_DEFLATED
        ) as archive:
            for name, array in arrays_of(path, file["labels"][:], groups, about):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
