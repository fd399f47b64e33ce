"""`barydef convert` takes the files that people have, says what it took for what, and runs nothing.

The rows of docs/inputs.md are those of ROWS; with --write they are written."""

import os
import re
import subprocess
import sys
import unittest

from inputs import random_images
from package import command
from support import SOURCE, RunTest, launch, skip

import h5py
import numpy as np

COUNT = 12
GREY = random_images(COUNT, 1, 16, 18).astype("f4")
COLOURS = random_images(COUNT, 3, 16, 18).astype("f4")
LABELS = np.arange(COUNT) % 10
ATTACKED = np.clip(COLOURS + np.float32(0.05), 0, 1)
BYTES = np.rint(255 * COLOURS).astype("u1")
LAST = COLOURS.transpose(0, 2, 3, 1)


def npz(path, **arrays):
    np.savez(path + ".npz", **arrays)
    return [path + ".npz"]


def hdf5(path, arrays, ending=".h5", head=b"", **storage):
    """Datasets by their paths, behind a user block with this head."""
    with h5py.File(path + ending, "w", userblock_size=512 if head else 0) as file:
        for name, array in arrays.items():
            chunked = storage if np.ndim(array) > 1 else {}
            made = file.create_dataset(name, data=array, **chunked)
            if head:
                made.attrs["MATLAB_class"] = np.bytes_("double")
    if head:
        with open(path + ending, "r+b") as file:
            file.write(head.ljust(512))
    return [path + ending]


def torch_of(make, *labels, **options):
    """A file of torch.save, and the labels if it has none."""

    def write(path):
        try:
            import torch
        except ImportError:
            skip("torch is not installed")
        torch.save(make(torch), path + ".pt", **options)
        if labels:
            np.save(path + "-labels.npy", LABELS)
        return [path + ".pt", *(["--labels", path + "-labels.npy"] if labels else [])]

    return write


def pictures(path):
    try:
        from PIL import Image
    except ImportError:
        skip("python3-pil is not installed")
    for number, (image, label) in enumerate(zip(BYTES, LABELS)):
        os.makedirs(f"{path}/{label}", exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(f"{path}/{label}/{number:02}.png")
    return [path]


def old_matlab(path):
    try:
        import scipy.io
    except ImportError:
        skip("python3-scipy is not installed")
    scipy.io.savemat(path + ".mat", {"adv": np.moveaxis(LAST, 0, -1), "y": LABELS[:, None]})
    return [path + ".mat"]


def cifar_c(path):
    os.mkdir(path)
    for name, array in ("fog", BYTES), ("snow", BYTES), ("labels", LABELS):
        array = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
        np.save(f"{path}/{name}.npy", array)
    return [f"{path}/{name}.npy" for name in ("fog", "snow", "labels")]


MATLAB = b"MATLAB 7.3 MAT-file, Platform: GLNXA64"
BY_CLASS = np.argsort(LABELS, kind="stable")
ANY = {"attacks": 1, "images": ATTACKED, "words": []}

# What people have: {member: (make, options, what comes of it)}.  In what comes of it `attacks` are
# names or their number, `images` those of each attack, `clean`, `told` attributes of each, `words`
# those of the output, `loose` how far pixels may be off.
ROWS = [
    (
        ".npz with more in it: is_adv, pred, eps, norm, x_train",
        "named and not taken; eps and norm are of the attacks",
        {
            "eps": (
                lambda p: npz(p, x_adv=ATTACKED, y=LABELS, eps=8 / 255, norm="l2"),
                [],
                {"attacks": ["x_adv"], "told": {"epsilon": 8 / 255, "norm": "l2"}},
            ),
            "is_adv": (
                lambda p: npz(p, clipped=ATTACKED, is_adv=LABELS > 3, pred=LABELS, labels=LABELS),
                [],
                {"attacks": ["clipped"], "words": ["is_adv: not taken", "pred: not taken"]},
            ),
            "keras": (
                lambda p: npz(
                    p, x_train=GREY, y_train=LABELS, x_test=COLOURS, y_test=LABELS, adv=ATTACKED
                ),
                [],
                {"attacks": ["adv"], "clean": COLOURS, "words": ["x_train: not taken"]},
            ),
        },
    ),
    (
        "a list of attacks `[k,n,...]`, as of Foolbox with several epsilons",
        "an attack for each",
        {
            "epsilons": (
                lambda p: npz(
                    p, clipped=np.stack([ATTACKED] * 2), epsilons=[0.1, 0.3], labels=LABELS
                ),
                [],
                {"attacks": ["clipped_0.1", "clipped_0.3"]},
            ),
            "none": (
                lambda p: npz(p, clipped=np.stack([ATTACKED] * 2), labels=LABELS),
                [],
                {"attacks": ["clipped_0", "clipped_1"]},
            ),
        },
    ),
    (
        "HDF5 of any layout, other filters, links to one dataset",
        "by the names of datasets and groups, or `--as`",
        {
            "flat": (
                lambda p: hdf5(p, {"x_adv": ATTACKED, "x_test": COLOURS, "y_test": LABELS}),
                [],
                {"attacks": ["x_adv"], "clean": COLOURS, "words": ["measured", "linf 0.05"]},
            ),
            "groups": (
                lambda p: hdf5(p, {"pgd/data": ATTACKED, "test/targets": np.eye(10)[LABELS]}),
                [],
                {"attacks": ["pgd"]},
            ),
            "lzf and szip": (
                lambda p: hdf5(p, {"a": ATTACKED, "labels": LABELS}, compression="lzf"),
                [],
                {"attacks": ["a"]},
            ),
            "scale-offset": (
                lambda p: hdf5(p, {"a": 0.25 + ATTACKED / 2, "y": LABELS}, scaleoffset=5),
                [],
                {"attacks": ["a"], "images": 0.25 + ATTACKED / 2, "loose": 1e-4},
            ),
            "as told": (
                lambda p: hdf5(p, {"foo": ATTACKED, "bar": COLOURS, "t": LABELS[:, None] / 1}),
                ["--as", "foo=pgd", "--as", "bar=clean", "--as", "t=labels"],
                {"attacks": ["pgd"], "clean": COLOURS},
            ),
        },
    ),
    (
        "MATLAB 7.3 and older, R's rhdf5: axes reversed",
        "turned round, and said",
        {
            "images first": (
                lambda p: hdf5(p, {"adv": ATTACKED.T, "y": LABELS[None] / 1}, ".mat", MATLAB),
                [],
                {"attacks": ["adv"], "words": ["MATLAB"]},
            ),
            "images last": (
                lambda p: hdf5(
                    p,
                    {"adv": np.moveaxis(ATTACKED.transpose(0, 2, 3, 1), 0, -1).T, "y": LABELS / 1},
                    ".mat",
                    MATLAB,
                ),
                [],
                {"attacks": ["adv"]},
            ),
            "R": (
                lambda p: hdf5(p, {"adv": ATTACKED.T, "labels": LABELS / 1}),
                [],
                {"attacks": ["adv"], "words": ["axes reversed as R"]},
            ),
            "older": (old_matlab, [], {"attacks": ["adv"], "images": COLOURS}),
        },
    ),
    (
        ".pt and .pth of torch.save, both forms",
        "tensors in containers are read; nothing in the file is run",
        {
            "AutoAttack": (
                torch_of(lambda torch: {"adv_complete": torch.tensor(ATTACKED)}, "labels"),
                [],
                {"attacks": ["adv_complete"]},
            ),
            "tuple": (
                torch_of(lambda torch: (torch.tensor(ATTACKED), torch.tensor(LABELS))),
                [],
                {"attacks": 1},
            ),
            "before 1.6": (
                torch_of(
                    lambda torch: (torch.tensor(ATTACKED), torch.tensor(LABELS)),
                    _use_new_zipfile_serialization=False,
                ),
                [],
                {"attacks": 1},
            ),
            "strided": (
                torch_of(
                    lambda torch: torch.tensor(ATTACKED.transpose(0, 2, 3, 1).copy()).permute(
                        0, 3, 1, 2
                    ),
                    "labels",
                ),
                [],
                {"attacks": 1},
            ),
            "half": (
                torch_of(lambda torch: torch.tensor(ATTACKED).half(), "labels"),
                [],
                {"attacks": 1, "loose": 1e-3},
            ),
            "bfloat16": (
                torch_of(lambda torch: torch.tensor(ATTACKED).bfloat16(), "labels"),
                [],
                {"attacks": 1, "loose": 1e-2},
            ),
            "NumPy's arrays": (
                torch_of(lambda torch: {"adv": ATTACKED, "labels": LABELS}),
                [],
                {"attacks": ["adv"]},
            ),
            "nested": (
                torch_of(
                    lambda torch: {
                        "pgd": {"adv": torch.tensor(ATTACKED)},
                        "y": torch.tensor(LABELS),
                    }
                ),
                [],
                {"attacks": ["pgd_adv"]},
            ),
        },
    ),
    (
        "CIFAR-10-C: an .npy for each corruption, and labels.npy",
        "as they are",
        {"two": (cifar_c, [], {"attacks": ["fog", "snow"], "images": BYTES / 255})},
    ),
    (
        "a folder of pictures in a folder for each class",
        "labels are the numbers, or places in the alphabet",
        {"PNG": (pictures, [], {"attacks": 1, "images": BYTES / 255, "order": BY_CLASS})},
    ),
    (
        "other scales, integers, booleans, values little beyond [0,1]",
        "`--scale`, `--range`, `--mean` with `--std`, `--clip`",
        {
            "255": (lambda p: npz(p, a=255 * ATTACKED, y=LABELS), ["--scale", "255"], {}),
            "int64": (
                lambda p: npz(p, a=BYTES.astype("i8"), y=LABELS),
                [],
                {"images": BYTES / 255, "words": ["int64 taken as 0 to 255"]},
            ),
            "uint16": (
                lambda p: npz(p, a=(65535 * ATTACKED).astype("u2"), y=LABELS),
                ["--scale", "65535"],
                {"loose": 1e-4},
            ),
            "-1 to 1": (
                lambda p: npz(p, a=2 * ATTACKED - 1, y=LABELS),
                ["--range", "-1", "1"],
                {},
            ),
            "standardised": (
                lambda p: npz(
                    p, a=(ATTACKED - np.reshape([0.5, 0.4, 0.3], (3, 1, 1))) / 0.2, y=LABELS
                ),
                ["--mean", "0.5,0.4,0.3", "--std", "0.2"],
                {},
            ),
            "overshooting": (
                lambda p: npz(p, a=np.where(ATTACKED > 0.9, 1.01, ATTACKED), y=LABELS),
                ["--clip"],
                {"images": np.where(ATTACKED > 0.9, 1, ATTACKED), "words": ["clipped in 12"]},
            ),
            "rounding": (
                lambda p: npz(p, a=np.where(ATTACKED < 0.1, -1e-8, ATTACKED), y=LABELS),
                [],
                {"images": np.where(ATTACKED < 0.1, 0, ATTACKED), "words": ["clipped in 12"]},
            ),
        },
    ),
    (
        "axes in doubt: four channels or more, last or first",
        "`--layout nhwc` or `nchw`; one or three channels are found",
        {
            "with alpha": (
                lambda p: npz(p, a=np.repeat(LAST[..., :1], 4, 3), y=LABELS),
                ["--layout", "nhwc"],
                {"images": np.repeat(COLOURS[:, :1], 4, 1)},
            ),
            "13 bands": (
                lambda p: npz(p, a=np.repeat(LAST[..., :1], 13, 3), y=LABELS),
                ["--layout", "nhwc"],
                {"images": np.repeat(COLOURS[:, :1], 13, 1)},
            ),
            "narrow": (
                lambda p: npz(p, a=np.repeat(GREY[..., :3], 7, 1), y=LABELS),
                ["--layout", "nchw"],
                {"images": np.repeat(GREY[..., :3], 7, 1)},
            ),
            "colours": (
                lambda p: npz(p, a=LAST, y=LABELS),
                [],
                {"images": COLOURS, "words": ["channels moved"]},
            ),
        },
    ),
]

# {name: (make, words of the line)}
REFUSED = {
    "four channels last": (
        lambda p: npz(p, a=np.repeat(LAST[..., :1], 4, 3), y=LABELS),
        ["--layout nhwc", "nchw"],
    ),
    "bands last": (
        lambda p: npz(p, a=np.repeat(LAST[..., :1], 13, 3), y=LABELS),
        ["--layout nhwc"],
    ),
    "0 to 255": (lambda p: npz(p, a=255 * ATTACKED, y=LABELS), ["--scale 255"]),
    "-1 to 1": (lambda p: npz(p, a=2 * ATTACKED - 1, y=LABELS), ["--range -1 1"]),
    "standardised": (lambda p: npz(p, a=(ATTACKED - 0.4) / 0.2, y=LABELS), ["--mean", "--std"]),
    "divided twice": (lambda p: npz(p, a=ATTACKED / 255, y=LABELS), ["--scale 0.0039"]),
    "no labels": (lambda p: npz(p, a=ATTACKED, t=LABELS), ["--labels", "--as", "a, t"]),
    "a module": (
        torch_of(lambda torch: torch.nn.Linear(2, 2)),
        ["torch.nn.modules.linear.Linear", "nothing in a file is run"],
    ),
    "an epsilon of another kind": (
        lambda p: npz(p, a=ATTACKED, y=LABELS, attributes='{"attacks": {"a": {"epsilon": "x"}}}'),
        ["attributes"],
    ),
}


class Harm:
    """What a pickle may hold."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def page_rows():
    head = ["| what there is | what becomes of it |", "|---|---|"]
    return "\n".join([*head, *(f"| {what} | {becomes} |" for what, becomes, _ in ROWS)])


PAGE = os.path.join(SOURCE, "docs", "inputs.md")
MARKED = re.compile(r"(?<=<!-- convert -->\n).*?(?=\n<!-- /convert -->)", re.S)


class FilesOfOthers(RunTest):
    def place(self, name):
        return os.path.join(self.folder, re.sub("[^a-z0-9]", "_", name.lower()))

    def test_each_becomes_a_set_and_is_said(self):
        for what, _, members in ROWS:
            for name, (make, options, wanted) in members.items():
                with self.subTest(what, member=name):
                    made = self.place(name) + "-set.h5"
                    arguments = ["convert", *make(self.place(name)), *options, made]
                    planned = command(*arguments, "--dry-run").stdout.splitlines()
                    self.assertFalse(os.path.exists(made))
                    said = command(*arguments).stdout.splitlines()
                    self.assertEqual(planned[:-1], said[:-1])
                    self.check(made, "\n".join(said), **{**ANY, **wanted})
                    inspected = launch("inspect", made)
                    self.assertEqual(inspected.status, 0, inspected)
                    self.assertNotIn("looked at", inspected.out)

    def check(
        self,
        path,
        said,
        attacks,
        images,
        words,
        clean=None,
        told=None,
        loose=1e-6,
        order=slice(None),
    ):
        with h5py.File(path) as file:
            names = list(file["attacks"])
            self.assertEqual(len(names) if isinstance(attacks, int) else names, attacks)
            self.assertEqual(file["labels"][:].tolist(), LABELS[order].tolist())
            for name in names:
                pixels = file[f"attacks/{name}/images"][:]
                pixels = pixels / (255 if pixels.dtype == np.uint8 else 1)
                np.testing.assert_allclose(pixels, images[order], atol=loose)
                self.assertIn(f"attack {name}; ", said)
                for key, value in (told or {}).items():
                    self.assertEqual(file[f"attacks/{name}"].attrs[key], value)
            if clean is not None:
                np.testing.assert_allclose(file["clean/images"], clean, atol=loose)
                self.assertIn("clean images; ", said)
        for word in words:
            self.assertIn(word, said)

    def test_what_cannot_be_converted_names_the_way_out(self):
        for name, (make, words) in REFUSED.items():
            with self.subTest(name):
                made = self.place(name) + "-refused.h5"
                done = command("convert", *make(self.place(name)), made, status=2)
                for word in words:
                    self.assertIn(word, done.stderr)
                self.assertFalse(os.path.exists(made))

    def test_nothing_in_a_file_of_torch_is_run(self):
        ran = self.place("ran")
        for options in {}, {"_use_new_zipfile_serialization": False}:
            make = torch_of(lambda torch: {"a": torch.tensor(ATTACKED), "b": Harm(ran)}, **options)
            done = command(
                "convert", *make(self.place("harm")), self.place("harm") + ".h5", status=2
            )
            self.assertIn("mkdir", done.stderr)
            self.assertFalse(os.path.exists(ran))

    def test_a_tensor_beyond_its_storage_is_refused(self):
        from barydef.torch_file import Storage, Tensor

        storage = Storage("<f4", bytes(16))
        self.assertEqual(Tensor(storage, 1, (3,), (1,)).array().tolist(), [0, 0, 0])
        for offset, size, stride in (2, (3,), (1,)), (0, (2, 2), (4, 1)), (0, (2,), (-1,)):
            self.assertRaises(ValueError, Tensor(storage, offset, size, stride).array)

    def test_filters_of_plugins_are_read_where_they_are_installed(self):
        made = self.place("blosc")
        script = (
            "import sys, numpy, tables; path, source = sys.argv[1:]; file = tables.open_file(path, "
            "'w'); data = numpy.load(source); file.create_carray('/', 'adv', obj=data['x_adv'], "
            "filters=tables.Filters(5, 'blosc')); file.create_array('/', 'labels', data['y'])"
        )
        (source,) = npz(self.place("source"), x_adv=ATTACKED, y=LABELS)
        done = subprocess.run(
            [sys.executable, "-I", "-c", script, made + ".h5", source], stderr=subprocess.PIPE
        )
        if done.returncode:
            skip("python3-tables is not installed")
        arguments = "convert", made + ".h5", made + "-set.h5"
        refused = launch("inspect", made + ".h5")
        self.assertEqual(refused.status, 2, refused)
        # Without tests/reference on PYTHONPATH, whose tables.py is another module.
        path = os.pathsep.join(
            folder
            for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep)
            if not folder.endswith("reference")
        )
        finished = launch(*arguments, PYTHONPATH=path)
        self.assertEqual(finished.status, 0, finished)
        self.check(made + "-set.h5", finished.out, ["adv"], ATTACKED, [])

    def test_what_is_not_told_is_measured(self):
        l2 = float(np.sqrt(((ATTACKED - COLOURS).astype("f8") ** 2).sum((1, 2, 3)).max()))
        linf = float(np.abs(ATTACKED - COLOURS).max())
        for options, norm, epsilon, measured in (
            ([], "linf", linf, "norm, epsilon"),
            (["--norm", "linf"], "linf", linf, "epsilon"),
            (["--norm", "l2"], "l2", l2, "epsilon"),
            (["--norm", "l2", "--epsilon", 1], "l2", 1, None),
            (["--epsilon", linf], "linf", linf, "norm"),
            (["--epsilon", l2], "linf", l2, "norm"),
            (["--norm", "l0"], "l0", np.nan, None),
        ):
            with self.subTest(options):
                (path,) = npz(self.place("told"), adv=ATTACKED, clean=COLOURS, y=LABELS)
                made = self.place("told") + ".h5"
                command("convert", path, made, "--overwrite", *options)
                with h5py.File(made) as file:
                    told = file["attacks/adv"].attrs
                    self.assertEqual((told["norm"], told.get("measured")), (norm, measured))
                    np.testing.assert_allclose(told["epsilon"], epsilon, rtol=1e-6)
                    if measured:
                        np.testing.assert_allclose(told["measured_linf"], linf, rtol=1e-6)
                        np.testing.assert_allclose(told["measured_l2"], l2, rtol=1e-6)

    def test_the_page_says_what_is_tested(self):
        with open(PAGE) as file:
            found = MARKED.search(file.read())
        self.assertEqual(found.group(), page_rows(), f"{__file__} --write writes it")


if __name__ == "__main__":
    if "--write" in sys.argv:
        with open(PAGE) as file:
            text = file.read()
        with open(PAGE, "w") as file:
            file.write(MARKED.sub(lambda _: page_rows(), text))
    else:
        unittest.main()
