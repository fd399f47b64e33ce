"""A result of barydef as Python sees it."""

import os
import re

import files  # noqa: F401 - before h5py, which it keeps from loading plugins
import h5py
import numpy as np

BASELINES = (
    ("attack", "attacked"),
    ("rounded", "8 bits"),
    ("blurred", "blurred"),
    ("mean", "mean of marginals"),
    ("barycenter", "barycenter"),
)
CLEAN = "clean"
SAME = (
    "input_digest",
    "labels_checksum",
    "victim_digest",
    "attacks",
)  # in which results must agree to be compared
NAMED = (
    "solver.gamma",
    "solver.iterations",
    "marginals.set",
    "solver.window",
    "solver.cost",
    "solver.theta",
    "solver.tau",
)
# The others of solver and marginals at their defaults, where nothing is said of them.
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
}


# What src/text.c replaces, but for ends of lines, which texts of several have; and surrogates, which stand for bytes that are no UTF-8.
UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
PARAMETER = re.compile(r"[a-z]+\.[a-z_0-9]+")  # names of other attributes are not barydef's


def as_stored(value):
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


def text(value):
    """Of an attribute, which others may have written."""
    return UNCLEAN.sub("?", as_stored(value))


def plain(value):
    """A number or text of an attribute, as short as it reads, in one line."""
    if isinstance(value, (bytes, str)):
        return text(value).replace("\n", "?")
    return f"{value:g}"


def short_name(parameter):
    return "marginals" if parameter == "marginals.set" else parameter.split(".")[1]


def opened(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as problem:
        raise OSError(f"{path}: {problem}") from None
    refuse_other_files(file, path)
    return file


def refuse_other_files(file, path):
    """As barydef does (docs/security.md): only hard links are followed, and no dataset keeps its data elsewhere."""
    groups, seen = [file["/"]], set()
    while groups:
        group = groups.pop()
        for name in group:
            where = f"{path}: {group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{where} is no hard link; only hard links are followed")
            item = group[name]
            if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
                raise ValueError(f"{where} keeps its data in other files, which are not read")
            place = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Group) and place not in seen:
                seen.add(place)
                groups.append(item)


class Result:
    """An open result; `inputs` is the file of attacked images it was made from, or None."""

    def __init__(self, path, inputs=None):
        self.path = path
        self.file = opened(path)
        if text(self.file.attrs.get("schema", "")) != "barydef-result":
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
        self.dataset = plain(self.file.attrs["dataset"])
        self.labels = self.file["labels"][:]
        self.has_victim = text(self.file.attrs["victim_library"]) != "none"
        self.inputs = self._open_inputs(inputs)
        self.swept = self._swept()

    def _stored(self):
        """{name of an attack: as the file has it}."""
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

    def _swept(self):
        """The parameters in which runs differ."""
        names = [
            name for name in self.file[f"runs/{self.runs[0]}"].attrs if PARAMETER.fullmatch(name)
        ]
        return [
            name
            for name in names
            if len({plain(self.attribute(run, name)) for run in self.runs}) > 1
        ]

    def values(self, name):
        """Of a swept parameter, in the order of the runs."""
        found = []
        for run in self.runs:
            if plain(self.attribute(run, name)) not in found:
                found.append(plain(self.attribute(run, name)))
        try:
            return sorted(found, key=float)
        except ValueError:
            return found

    def label(self, run, short=False):
        """What the run has of the swept parameters; `short` for figures."""
        values = {name: plain(self.attribute(run, name)) for name in self.swept}
        return ", ".join(
            f"{short_name(name)} {shortened(value) if short else value}"
            for name, value in values.items()
        )

    def parameters(self, run=None):
        """What a run, or every run, was made with, in words: what the paper names, what is swept, and what is not as usual."""
        some = run or self.runs[0]
        unusual = [
            name
            for name, value in USUAL.items()
            if name not in self.swept and plain(self.attribute(some, name)) != value
        ]
        names = [
            name
            for name in [*NAMED, *(one for one in self.swept if one not in NAMED), *unusual]
            if run or name not in self.swept
        ]
        if plain(self.attribute(some, "solver.method")) == "fista" and (
            run or "solver.method" not in self.swept
        ):
            names = [
                name for name in names if name != "solver.tau"
            ]  # it chooses the length of its steps
        return ", ".join(
            f"{short_name(name)} {plain(self.attribute(some, name))}" for name in names
        )

    def row(self, run, attack):
        chosen = (self.rows["run"] == int(run)) & (
            self.rows["attack"] == self.stored[attack].encode(errors="surrogateescape")
        )
        return self.rows[chosen][0]

    def bound(self, attack):
        """(norm, epsilon) of what an attack changed; NaN where that is not known."""
        row = self.row(self.runs[0], attack)
        return plain(row["norm"]), float(row["epsilon"])

    def source(self, attack):
        return plain(self.file[f"runs/{self.runs[0]}/{self.stored[attack]}"].attrs["source"])

    def accuracy(self, run, attack, name="barycenter"):
        return self.row(run, attack)[f"{name}_accuracy"]

    def robust_accuracy(self, run, name="barycenter"):
        """Mean over the attacks."""
        return (
            np.mean([self.accuracy(run, attack, name) for attack in self.robust])
            if self.robust
            else np.nan
        )

    def images(self, run, attack, rows):
        """Purified images, or None where they are not stored, or none is asked for."""
        group = self.file[f"runs/{run}/{self.stored[attack]}"]
        return (
            np.stack([group["images"][i] for i in rows]).astype(float)
            if rows and "images" in group
            else None
        )

    def per_image(self, run, attack):
        return self.file[f"runs/{run}/{self.stored[attack]}/per_image"][:]

    def means(self, run, images):
        """Of each image's marginals, as the victim was given it in this run."""
        motions, interpolation, mass = (
            text(self.attribute(run, name))
            for name in ("marginals.set", "marginals.interpolation", "solver.mass")
        )
        return np.stack(
            [mean_of_marginals(image, motions, interpolation, mass == "joint") for image in images]
        )

    def attacked(self, attack, rows):
        return (
            read_images(self.inputs, self.stored.get(attack, attack), rows) if self.inputs else None
        )


def read_images(file, attack, rows):
    """float64 [rows,C,H,W] in [0,1] of a file of attacked images, or None."""
    name = "clean/images" if attack == CLEAN else f"attacks/{attack}/images"
    if name not in file or not rows:
        return None
    images = np.stack([file[name][i] for i in rows])
    return images / 255 if images.dtype == np.uint8 else images.astype(float)


# ---- marginals, for pictures: the same motions as src/transport/marginal.c, sampled by scipy ----

SETS = {
    "B4": "identity + rotate 2 + rotate -2 + translate 3 0",
    "B6": "identity + rotate 2 + rotate -2 + rotate 3 + rotate -3 + translate 3 0",
}


def shortened(motions):
    """A list of motions as a figure has room for: "2 id, ±2°, shift ±1"; any other text as it is."""
    terms = [term.split() for term in re.split(r"\s*\+\s+", motions.strip())]
    if any(term[:1] not in (["identity"], ["rotate"], ["translate"]) for term in terms):
        return motions
    same = sum(term[0] == "identity" for term in terms)
    angles = [float(term[1]) for term in terms if term[0] == "rotate"]
    shifts = [tuple(map(float, term[1:])) for term in terms if term[0] == "translate"]
    parts = ["id" if same == 1 else f"{same} id"] if same else []
    parts += [
        f"±{abs(angle):g}°" if -angle in angles else f"{angle:g}°"
        for i, angle in enumerate(angles)
        if -angle not in angles[:i]
    ]
    far = max((max(map(abs, shift)) for shift in shifts), default=0)
    if sorted(shifts) == sorted([(far, 0), (-far, 0), (0, far), (0, -far)]):
        parts.append(f"shift ±{far:g}")
    elif sorted(shifts) == sorted([(far, far), (-far, far), (far, -far), (-far, -far)]):
        parts.append(f"diagonal ±{far:g}")
    else:
        parts += [f"shift ({x:g},{y:g})" for x, y in shifts]
    return ", ".join(parts)


def marginals(image, motions, interpolation="bilinear"):
    """[N,C,H,W] moved copies of an image [C,H,W]; zero outside."""
    from scipy.ndimage import map_coordinates

    height, width = image.shape[1:]
    y, x = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    cy, cx = (height - 1) / 2, (width - 1) / 2
    moved = []
    for term in re.split(r"\s*\+\s+", SETS.get(motions, motions).strip()):
        kind, *numbers = term.split()
        if kind == "rotate":
            c, s = np.cos(np.radians(float(numbers[0]))), np.sin(np.radians(float(numbers[0])))
            at = cy + s * (x - cx) + c * (y - cy), cx + c * (x - cx) - s * (y - cy)
        elif kind == "translate":
            at = y - float(numbers[1]), x - float(numbers[0])
        else:
            at = y, x
        if interpolation == "nearest":
            at = tuple(np.floor(part + 0.5) for part in at)
        padded = np.pad(
            image, ((0, 0), (1, 1), (1, 1))
        )  # so that the border fades to zero as in the product
        moved.append(
            np.stack(
                [
                    map_coordinates(
                        channel, [part + 1 for part in at], order=1, mode="constant", cval=0
                    )
                    for channel in padded
                ]
            )
        )
    return np.stack(moved)


def mean_of_marginals(image, motions, interpolation="bilinear", joint=False):
    """On the mass of the image, by channels or (`joint`) of all together, clipped to [0,1]."""
    moved, axes = marginals(image, motions, interpolation), (-3, -2, -1) if joint else (-2, -1)
    scaled = (
        moved / np.maximum(moved.sum(axes, keepdims=True), 1e-300) * image.sum(axes, keepdims=True)
    )
    return np.clip(scaled.mean(0), 0, 1)
