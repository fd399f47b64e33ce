"""A result of barydef as Python sees it."""

import os
import re

import numpy as np

from .formats import CLEAN, RESULT_SCHEMA
from .hdf5 import opened
from .marginals import mean_of_marginals
from .text import as_stored, plain, short_name, shortened, text
from .views import baselines_of, predicted_field

# Attributes in which results must agree to be compared.
SAME = "input_digest", "labels_checksum", "victim_digest", "attacks"
# Parameters that captions name always.
NAMED = (
    "solver.gamma",
    "solver.iterations",
    "marginals.set",
    "solver.window",
    "solver.cost",
    "solver.theta",
    "solver.tau",
)
# The other parameters of solver and marginals. Captions name those that differ from these defaults.
USUAL = {
    "marginals.interpolation": "bilinear",
    "solver.kernel": "auto",
    "solver.method": "fb",
    "solver.tolerance": "0",
    "solver.regularizer": "data",
    "solver.mass": "channel",
    "solver.precision": "double",
    "solver.instructions": "auto",
    "solver.weights": "",
    "solver.shortcuts": "yes",
}
PARAMETER = re.compile(r"[a-z]+\.[a-z_0-9]+")  # any other attribute of a run is not barydef's


class Result:
    """An open result. `inputs` is the file of attacked images it was made from, or None."""

    def __init__(self, path, inputs=None):
        self.path = path
        self.file = opened(path)
        if text(self.file.attrs.get("schema", "")) != RESULT_SCHEMA:
            raise ValueError(f"{path}: not a result of barydef")
        if not self.file.attrs["complete"]:
            raise ValueError(f"{path}: not complete; barydef run --resume goes on with it")
        self.rows = self.file["statistics"][:]
        self.runs = sorted(self.file["runs"])
        if not all(re.fullmatch("[0-9]+", run) for run in self.runs):
            raise ValueError(
                f"{path}: not a result of barydef: its runs have other names than numbers"
            )
        self.stored = self._stored()
        self.attacks = list(self.stored)
        self.robust = [attack for attack in self.attacks if attack != CLEAN]
        # What the attackers knew, where it is told of one of them.
        self.knowledge = {attack: self._known_to(attack) for attack in self.attacks}
        self.is_known = any(through for through, _ in self.knowledge.values())
        self.worst = self.file["worst_case"][:] if "worst_case" in self.file else None
        self.dataset = plain(self.file.attrs["dataset"])
        self.labels = self.file["labels"][:]
        self.has_victim = text(self.file.attrs["victim_library"]) != "none"
        self.baselines = baselines_of(self.rows)
        self.views = ["attack", *self.baselines, "barycenter"]
        self.inputs = self._open_inputs(inputs)
        self.swept = self._swept()

    def close(self):
        for file in self.file, self.inputs:
            if file is not None:
                file.close()

    def _stored(self):
        """{clean name of an attack: its name in the file}."""
        names = as_stored(self.file.attrs["attacks"]).split("/")
        found = {plain(name): name for name in names}
        if len(found) < len(names):
            raise ValueError(f"{self.path}: two of its attacks have one name")
        return found

    def _open_inputs(self, given):
        stored = text(self.file.attrs["input_file"])
        beside = os.path.join(os.path.dirname(os.path.abspath(self.path)), os.path.basename(stored))
        for path in [given] if given else [stored, beside]:
            if os.path.exists(path):
                file = opened(path)
                if "labels" in file and np.array_equal(
                    file["labels"][: len(self.labels)], self.labels
                ):
                    return file
                if given:
                    raise ValueError(f"{given}: its labels are not those of {self.path}")
        if given:
            raise FileNotFoundError(f"{given}: no such file")
        return None

    def attribute(self, run, name):
        return self.file[f"runs/{run}"].attrs[name]

    def setting(self, run, name):
        """A parameter of a run as a short text."""
        return plain(self.attribute(run, name))

    def _swept(self):
        """The parameters in which runs differ."""
        names = filter(PARAMETER.fullmatch, self.file[f"runs/{self.runs[0]}"].attrs)
        return [name for name in names if len({self.setting(run, name) for run in self.runs}) > 1]

    def values(self, name):
        """The values of a swept parameter: numbers ascending, others in the order of the runs."""
        found = list(dict.fromkeys(self.setting(run, name) for run in self.runs))
        try:
            return sorted(found, key=float)
        except ValueError:
            return found

    def label(self, run, short=False):
        """The swept parameters of a run, in the short form of figures if `short`."""
        values = {name: self.setting(run, name) for name in self.swept}
        return ", ".join(
            f"{short_name(name)} {shortened(value) if short else value}"
            for name, value in values.items()
        )

    def parameters(self, run=None):
        """The settings of a run, or those that all runs share, in words.

        They are what the paper names, what is swept, and what is not as usual."""
        some = run or self.runs[0]
        recorded = self.file[f"runs/{some}"].attrs  # an older barydef had fewer parameters
        unusual = [
            name
            for name, value in USUAL.items()
            if name in recorded and name not in self.swept and self.setting(some, name) != value
        ]
        names = [
            name
            for name in [*NAMED, *(one for one in self.swept if one not in NAMED), *unusual]
            if run or name not in self.swept
        ]
        if (run or "solver.method" not in self.swept) and (
            self.setting(some, "solver.method") == "fista"
        ):
            names.remove("solver.tau")  # FISTA chooses its own steps
        return ", ".join(f"{short_name(name)} {self.setting(some, name)}" for name in names)

    def row(self, run, attack):
        """The row of /statistics."""
        stored = self.stored[attack].encode(errors="surrogateescape")
        return self.rows[(self.rows["run"] == int(run)) & (self.rows["attack"] == stored)][0]

    def bound(self, attack):
        """(norm, epsilon) of what an attack changed. Epsilon is NaN where it is not known."""
        row = self.row(self.runs[0], attack)
        return plain(row["norm"]), float(row["epsilon"])

    def _known_to(self, attack):
        """(through, gradient) of an attack, each "" where it is not told."""
        group = self.file[f"runs/{self.runs[0]}/{self.stored[attack]}"].attrs
        through, gradient = (plain(group.get(name, "")) for name in ("through", "gradient"))
        if "through" in self.rows.dtype.names:
            through = plain(self.row(self.runs[0], attack)["through"])
        return through, gradient

    def adaptive(self):
        """The attacks that were made through the purifier."""
        return [attack for attack in self.robust if self.knowledge[attack][0] == "purified"]

    def worst_case(self, run, view="barycenter", end=""):
        """The share of images that are right under every attack, or an end of its interval.

        It is NaN where the result does not have it."""
        field = f"{view}_accuracy{end}"
        if self.worst is None or field not in self.worst.dtype.names:
            return np.nan
        return self.worst[self.worst["run"] == int(run)][field][0]

    def trust(self, run, attack):
        """What the run says of an attack that it made; "" where it was read."""
        if "trust" not in self.rows.dtype.names:
            return ""
        return plain(self.row(run, attack)["trust"])

    def source(self, attack):
        return plain(self.file[f"runs/{self.runs[0]}/{self.stored[attack]}"].attrs["source"])

    def accuracy(self, run, attack, view="barycenter"):
        return self.row(run, attack)[f"{view}_accuracy"]

    def robust_accuracy(self, run, view="barycenter"):
        """The mean over the attacks, NaN where there is none."""
        if not self.robust:
            return np.nan
        return np.mean([self.accuracy(run, attack, view) for attack in self.robust])

    def images(self, run, attack, rows):
        """Purified images, or None where they are not stored, or none is asked for."""
        group = self.file[f"runs/{run}/{self.stored[attack]}"]
        if not rows or "images" not in group:
            return None
        return np.stack([group["images"][i] for i in rows]).astype(float)

    def per_image(self, run, attack):
        return self.file[f"runs/{run}/{self.stored[attack]}/per_image"][:]

    def right(self, run, attack, view):
        """Which images the victim classifies rightly in this view."""
        records = self.per_image(run, attack)
        return records[predicted_field(view)] == records["label"]

    def means(self, run, images):
        """The mean of each image's marginals, as the victim was given it in this run."""
        motions, interpolation, mass = (
            text(self.attribute(run, name))
            for name in ("marginals.set", "marginals.interpolation", "solver.mass")
        )
        return np.stack(
            [mean_of_marginals(image, motions, interpolation, mass == "joint") for image in images]
        )

    def attacked(self, attack, rows):
        """Images as the purifier was given them, or None where they cannot be read."""
        if not self.inputs:
            return None
        return read_images(self.inputs, self.stored.get(attack, attack), rows)


def read_images(file, attack, rows):
    """float64 [rows,C,H,W] in [0,1] of a file of attacked images, or None."""
    name = "clean/images" if attack == CLEAN else f"attacks/{attack}/images"
    if name not in file or not rows:
        return None
    images = np.stack([file[name][i] for i in rows])
    return images / 255 if images.dtype == np.uint8 else images.astype(float)
