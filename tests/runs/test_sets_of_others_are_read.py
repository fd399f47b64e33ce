"""Sets as h5py, R, MATLAB, PyTables and netCDF4 write them are read as they mean it, or refused
with the way out.

The rows of docs/inputs.md are those of ROWS; with --write they are written."""

import os
import re
import subprocess
import sys
import unittest

import h5py
import numpy as np

from inputs import random_images, write_victim
from set_reader import Images
from support import SOURCE, RunTest, launch, need_victim, run_job, skip

COUNT, SHAPE = 12, (1, 16, 18)
PIXELS = random_images(COUNT, *SHAPE).astype("f4")
COLOURS = random_images(COUNT, 3, 16, 18).astype("f4")
LABELS = np.arange(COUNT) % 10
GOOD = {"schema": "attacked-images", "schema_version": 1, "dataset": "noise"}
CONVERT = "barydef convert"


def write(path, images=PIXELS, labels=LABELS, root=(), attack=(), block=0, libver=None, **storage):
    """A set of one attack, with attributes that replace or add to the usual ones."""
    with h5py.File(path, "w", userblock_size=block, libver=libver) as file:
        put(file, {**GOOD, **dict(root)})
        if isinstance(labels, dict):
            file.create_dataset("labels", **labels)
        else:
            file["labels"] = labels
        file.create_dataset("attacks/pgd/images", data=images, **storage)
        told = {"norm": "linf", "epsilon": 0.1, "source": "random numbers"}
        put(file["attacks/pgd"], {**told, **dict(attack)})


def put(item, attributes):
    for name, value in attributes.items():
        if callable(value):
            value(item, name)
        elif value is not None:
            item.attrs[name] = value


def padded(text, size, padding):
    """Puts a text of fixed size, padded by zeros or blanks, as Fortran and R do."""

    def attribute(item, name):
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(size)
        kind.set_strpad(padding)
        blank = b" " if padding == h5py.h5t.STR_SPACEPAD else b"\0"
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        made = h5py.h5a.create(item.id, name.encode(), kind, space)
        made.write(np.array(text.encode().ljust(size, blank), dtype=f"S{size}"), kind)

    return attribute


def also(**more):
    """A set with more objects in it, {path: data}; with data None a group."""

    def make(path):
        write(path)
        with h5py.File(path, "r+") as file:
            for name, data in more.items():
                name = name.replace("__", "/")
                if data is None:
                    file.create_group(name)
                else:
                    file[name] = data

    return make


def without_images(name, data=PIXELS):
    """A set whose only images are at this place."""

    def make(path):
        write(path)
        with h5py.File(path, "r+") as file:
            del file["attacks"]
            file[name] = data

    return make


def linked(path):
    write(path)
    with h5py.File(path, "r+") as file:
        file["attacks/again/images"] = file["attacks/pgd/images"]
        file["clean/images"] = file["attacks/pgd/images"]


TABLES = """
import sys, numpy, tables
path, pixels, labels, compression = sys.argv[1:]
pixels, labels = numpy.load(pixels), numpy.load(labels)
with tables.open_file(path, "w") as file:
    file.root._v_attrs.schema, file.root._v_attrs.schema_version = "attacked-images", 1
    file.root._v_attrs.dataset = "noise"
    file.create_array("/", "labels", labels)
    group = file.create_group("/attacks", "pgd", createparents=True)
    group._v_attrs.norm, group._v_attrs.epsilon = "linf", numpy.float32(0.1)
    file.create_carray(group, "images", obj=pixels, filters=tables.Filters(5, compression))
"""


def by_tables(compression):
    """A set of PyTables, by a Python without PYTHONPATH, where tables.py is another module."""

    def make(path):
        if subprocess.run([sys.executable, "-I", "-c", "import tables"], stderr=-3).returncode:
            skip("python3-tables is not installed")
        arrays = [f"{path}.pixels.npy", f"{path}.labels.npy"]
        for name, array in zip(arrays, (PIXELS, LABELS)):
            np.save(name, array)
        arguments = [path, *arrays, compression]
        subprocess.run([sys.executable, "-I", "-c", TABLES, *arguments], check=True)

    return make


def by_netcdf(path):
    try:
        import netCDF4
    except ImportError:
        skip("python3-netcdf4 is not installed")
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts(GOOD)
        names = ["image", "channel", "height", "width"]
        for name, size in zip(names, PIXELS.shape):
            file.createDimension(name, size)
        file.createVariable("labels", "i4", ("image",))[:] = LABELS
        group = file.createGroup("attacks").createGroup("pgd")
        group.norm, group.epsilon = "linf", 0.1
        group.createVariable("images", "f4", names, zlib=True)[:] = PIXELS


def made(**options):
    return lambda path: write(path, **options)


def last(images, channels):
    """[n,H,W,C] of as many channels."""
    return np.repeat(images[:, :1], channels, 1).transpose(0, 2, 3, 1)


SPACES, NULLS = h5py.h5t.STR_SPACEPAD, h5py.h5t.STR_NULLPAD
READ, REFUSED, NAMED = "read", "refused", "read, and said"
SETTLE = "`--layout nhwc`, or `nchw`"
PLACE = "`convert`"
SCALE = "`convert`, with `--scale 255`"
EMPTY = h5py.Empty("f8")

# What is in a set: how it ends, the way out, and {member: (maker, what the line names or what the
# reader must find)}.
ROWS = [
    (
        "whole floats for integers, and numbers as text, in attributes",
        READ,
        "",
        {
            "float64": (made(root={"schema_version": 1.0}), {}),
            "float32 in an array": (made(root={"schema_version": np.ones((1, 1), "f4")}), {}),
            "unsigned byte": (made(root={"schema_version": np.uint8(1)}), {}),
            "text": (made(root={"schema_version": "1"}), {}),
            "ratio": (made(attack={"epsilon": "8/255"}), {"epsilon": "0.031373"}),
            "half": (made(attack={"epsilon": np.float16(0.125)}), {"epsilon": "0.125"}),
            "long double": (made(attack={"epsilon": np.longdouble(0.125)}), {"epsilon": "0.125"}),
            "whole epsilon": (made(attack={"epsilon": np.int16(1)}), {"epsilon": "1"}),
        },
    ),
    (
        "texts of fixed or variable length, padded by zeros or blanks, in arrays of one",
        READ,
        "",
        {
            "blanks": (
                made(
                    root={"schema": padded("attacked-images", 40, SPACES)},
                    attack={"norm": padded("l2", 9, SPACES)},
                ),
                {"norm": "l2"},
            ),
            "zeros": (made(root={"schema": padded("attacked-images", 15, NULLS)}), {}),
            "bytes": (made(root={"schema": np.bytes_("attacked-images")}), {}),
            "array": (made(root={"schema": np.array(["attacked-images"], "S")}), {}),
            "variable": (made(attack={"norm": np.array(["l2"], dtype=object)}), {"norm": "l2"}),
        },
    ),
    (
        'a norm as a number, `numpy.inf`, `"inf"`, `"L2"` or `"l_inf"`',
        READ,
        "",
        {
            "infinity": (made(attack={"norm": np.inf}), {"norm": "linf"}),
            "inf": (made(attack={"norm": "inf"}), {"norm": "linf"}),
            "np.inf": (made(attack={"norm": "np.inf"}), {"norm": "linf"}),
            "l_inf": (made(attack={"norm": "l_inf"}), {"norm": "linf"}),
            "two": (made(attack={"norm": 2}), {"norm": "l2"}),
            "2.0": (made(attack={"norm": 2.0}), {"norm": "l2"}),
            "L2": (made(attack={"norm": "L2"}), {"norm": "l2"}),
        },
    ),
    (
        "labels of whole floats, of any width, of an enum",
        READ,
        "",
        {
            "float64": (made(labels=LABELS.astype("f8")), {}),
            "float16": (made(labels=LABELS.astype("f2")), {}),
            "big-endian": (made(labels=LABELS.astype(">i2")), {}),
            "bytes": (made(labels=LABELS.astype("u1")), {}),
            "lzf": (made(labels={"data": LABELS, "compression": "lzf"}), {}),
            "bool": (made(labels=LABELS > 4), {"labels": "0 to 1"}),
        },
    ),
    (
        "labels one-hot, in a column or a row; fractions; too large ones",
        REFUSED,
        PLACE + ", but for the last two",
        {
            "one-hot": (made(labels=np.eye(10)[LABELS]), ["/labels", CONVERT]),
            "column": (made(labels=LABELS[:, None]), ["/labels", CONVERT]),
            "row": (made(labels=LABELS[None]), ["/labels", CONVERT]),
            "halves": (made(labels=LABELS / 2), ["label 1", "0.5"]),
            "NaN": (made(labels=LABELS + np.nan), ["label 0", "nan"]),
            "beyond int64": (made(labels=np.full(COUNT, 2**64 - 1, "u8")), ["label 0", "large"]),
        },
    ),
    (
        "pixels of float16, big-endian, `[n,H,W]` as one channel",
        READ,
        "",
        {
            "float16": (made(images=PIXELS.astype("f2")), {}),
            "big-endian float16": (made(images=PIXELS.astype(">f2")), {}),
            "big-endian": (made(images=PIXELS.astype(">f8")), {}),
            "one channel": (made(images=PIXELS[:, 0]), {}),
            "one channel in chunks": (
                made(images=PIXELS[:, 0], chunks=(5, 7, 18), compression="gzip"),
                {},
            ),
        },
    ),
    (
        "chunks through deflate, lzf, shuffle, fletcher32; a user block; several hard links",
        READ,
        "",
        {
            "lzf": (made(compression="lzf"), {}),
            "all of them": (
                made(compression="lzf", shuffle=True, fletcher32=True, chunks=(5, 1, 9, 18)),
                {},
            ),
            "user block": (made(block=512), {}),
            "chunks behind a user block": (
                made(block=2048, compression="gzip", chunks=(5, 1, 16, 18)),
                {},
            ),
            "newest format behind a user block": (
                made(block=512, libver="latest", chunks=(5, 1, 7, 18)),
                {},
            ),
            "hard links": (linked, {}),
        },
    ),
    (
        "files of PyTables and netCDF4",
        READ,
        "",
        {"PyTables": (by_tables("zlib"), {}), "netCDF4": (by_netcdf, {})},
    ),
    (
        "other filters, such as blosc or szip; compact storage",
        REFUSED,
        PLACE + " where the filter is installed",
        {
            "blosc": (by_tables("blosc"), ["32001", "blosc", CONVERT]),
            "scale-offset": (made(scaleoffset=3), ["filter 6", CONVERT]),
        },
    ),
    (
        "other integers, other floats, complex numbers",
        REFUSED,
        SCALE + " or the like",
        {
            "int16": (made(images=(255 * PIXELS).astype("i2")), ["integers of 2 bytes", "--scale"]),
            "uint16": (made(images=(255 * PIXELS).astype("u2")), ["integers of 2", "--scale"]),
            "long double": (made(images=PIXELS.astype("g")), ["floats of 16 bytes", CONVERT]),
            "complex": (made(images=PIXELS.astype("c8")), ["a compound"]),
        },
    ),
    (
        "axes like `[n,H,W,C]`: 1, 3 or 4 are last, or up to 16 after a square",
        REFUSED,
        SETTLE,
        {
            "grey": (made(images=last(PIXELS, 1)), ["16 x 18 x 1", "--layout nhwc", "nchw"]),
            "colours": (made(images=last(PIXELS, 3)), ["16 x 18 x 3", "--layout nhwc"]),
            "with alpha": (made(images=last(PIXELS, 4)), ["16 x 18 x 4", "--layout nhwc"]),
            "13 bands": (
                made(images=last(random_images(COUNT, 1, 20, 20), 13)),
                ["20 x 20 x 13", "--layout nhwc"],
            ),
            "said so": (made(root={"layout": "nhwc"}), ["layout", "nhwc", CONVERT]),
        },
    ),
    (
        'such axes where attribute `layout` of / is "nchw"',
        READ,
        "",
        {
            "five channels": (
                made(images=np.repeat(PIXELS[..., :3], 5, 1), root={"layout": "nchw"}),
                {"pixels": np.repeat(PIXELS[..., :3], 5, 1)},
            )
        },
    ),
    (
        "images outside `/attacks/NAME/images` and `/clean/images`",
        REFUSED,
        PLACE,
        {
            "clean is a dataset": (also(clean=PIXELS), ["/clean", "/clean/images"]),
            "clean without images": (also(clean__x=PIXELS), ["/clean/images", "/clean/x"]),
            "attack is a dataset": (
                also(attacks__fgsm=PIXELS),
                ["/attacks/fgsm", "/attacks/fgsm/images"],
            ),
            "another group": (also(attack__fgsm__images=PIXELS), ["/attack/fgsm/images", CONVERT]),
            "a capital": (also(Clean__images=PIXELS), ["/Clean/images", CONVERT]),
            "at the root": (also(images=PIXELS), ["/images", CONVERT]),
            "too deep": (
                without_images("attacks/linf/pgd/images"),
                ["/attacks/linf/pgd/images", CONVERT],
            ),
            "another name": (without_images("attacks/pgd/data"), ["/attacks/pgd/data", CONVERT]),
            "no images at all": (also(attacks__fgsm=None), ["/attacks/fgsm/images is missing"]),
        },
    ),
    (
        "other groups and datasets of the root",
        NAMED,
        "",
        {
            "a group": (also(notes__when=np.arange(3)), ["/notes", "not read"]),
            "a dataset": (also(predictions=LABELS), ["/predictions", "not read"]),
        },
    ),
    (
        "attributes `norm`, `epsilon`, `source`, `dataset` of another kind",
        NAMED,
        "",
        {
            "epsilons": (made(attack={"epsilon": [0.1, 0.2]}), ["epsilon", "/attacks/pgd", "2"]),
            "a text": (made(attack={"epsilon": "much"}), ["epsilon", "/attacks/pgd", "much"]),
            "nothing": (made(attack={"epsilon": EMPTY}), ["epsilon", "empty"]),
            "norms": (made(attack={"norm": np.arange(3)}), ["norm", "/attacks/pgd"]),
            "a number": (made(attack={"source": 3}), ["source", "/attacks/pgd", "integer"]),
            "a compound": (
                made(root={"dataset": np.zeros(1, [("a", "i4"), ("b", "f8")])}),
                ["dataset of /", "compound"],
            ),
        },
    ),
    (
        "another `schema` or `schema_version`",
        REFUSED,
        PLACE,
        {
            "fraction": (made(root={"schema_version": 1.5}), ["schema_version", "1.5"]),
            "two": (made(root={"schema_version": 2.0}), ["schema_version", "2"]),
            "no schema": (made(root={"schema": None}), ["neither", CONVERT]),
        },
    ),
]

# The same of pixels: {member: (images, words of the line)}; all are refused before any work.
SCALES = {
    "0 to 255": (255 * COLOURS, ["from 0 to 25", "--scale 255"]),
    "0 to 255 in float16": ((255 * COLOURS).astype("f2"), ["--scale 255"]),
    "0 to 65535": (65535 * COLOURS, ["--scale 65535"]),
    "-1 to 1": (2 * COLOURS - 1, ["from -1 to", "--range -1 1"]),
    "-0.5 to 0.5": (COLOURS - 0.5, ["--range -0.5 0.5"]),
    "standardised": ((COLOURS - 0.45) / 0.22, ["standardised", "--mean", "--std"]),
    "standardised per channel": (
        (COLOURS - np.reshape([0.5, 0.4, 0.3], (3, 1, 1))) / np.reshape([0.2, 0.3, 0.1], (3, 1, 1)),
        ["standardised", "--mean"],
    ),
    "overshooting": (1.06 * COLOURS - 0.03, ["--clip"]),
    "divided twice": (COLOURS / 255, ["twice", "--scale 0.0039"]),
    "cut to bytes": ((COLOURS > 0.5).astype("u1"), ["uint8", "--scale 1"]),
}
SCALE_ROW = (
    "pixels of 0 to 255 as floats, -1 to 1, standardised and so on",
    "refused",
    "`--scale`, `--range`, `--mean`, `--std`",
)
CLIP_ROW = ("pixels beyond [0,1] by 1e-6 at most", "read: clipped, and counted", "")
SINGLE_ROW = ("single images with pixels beyond that, or NaN", "read: those images fail", "")


def page_rows():
    rows = [row[:3] for row in ROWS] + [SCALE_ROW, CLIP_ROW, SINGLE_ROW]
    head = ["| in the file | how it ends | way out |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


PAGE = os.path.join(SOURCE, "docs", "inputs.md")
MARKED = re.compile(r"(?<=<!-- sets -->\n).*?(?=\n<!-- /sets -->)", re.S)


class SetsOfOthers(RunTest):
    def test_each_is_read_or_refused_as_the_page_says(self):
        for what, ends, _, members in ROWS:
            for name, (make, wanted) in members.items():
                with self.subTest(what, member=name):
                    path = os.path.join(self.folder, "set.h5")
                    make(path)
                    self.check(path, ends, wanted)

    def check(self, path, ends, wanted):
        shown = launch("inspect", path)
        if ends == REFUSED:
            self.assert_one_line(shown, 2, "set.h5")
            for word in wanted:
                self.assertIn(word, shown.err)
            return
        self.assertEqual(shown.status, 0, shown)
        pixels = np.asarray(wanted["pixels"] if "pixels" in wanted else PIXELS)
        images = Images(path)
        read = images.read("pgd", 0, COUNT, pixels.shape[1:])
        images.close()
        np.testing.assert_allclose(read, pixels, atol=5e-4)
        if ends == NAMED:
            for word in wanted:
                self.assertIn(word, shown.out)
            return
        self.assertNotIn("not used", shown.out)
        self.assertNotIn("not read", shown.out)
        row = next(line for line in shown.out.splitlines() if line.startswith("pgd")).split()
        self.assertEqual(row[1:3], [wanted.get("norm", "linf"), wanted.get("epsilon", "0.1")])
        self.assertIn(f"labels {wanted.get('labels', '0 to 9')},", shown.out)

    def test_what_is_not_used_is_said_by_a_run(self):
        write(os.path.join(self.folder, "set.h5"), attack={"epsilon": "much"})
        finished = run_job(self.folder, {"solver.iterations": 1})
        self.assertEqual(finished.status, 0, finished)
        self.assertRegex(
            finished.err, "set.h5: attribute epsilon of /attacks/pgd is the text .much"
        )

    def test_the_page_says_what_is_tested(self):
        with open(PAGE) as file:
            found = MARKED.search(file.read())
        self.assertEqual(found.group(), page_rows(), f"{__file__} --write writes it")


class Scales(RunTest):
    def test_another_scale_is_refused_before_any_work(self):
        for name, (images, words) in SCALES.items():
            with self.subTest(name):
                write(os.path.join(self.folder, "set.h5"), images)
                for option in (), ("--dry-run",):
                    finished = run_job(self.folder, {}, *option)
                    self.assert_one_line(finished, 2, "set.h5: /attacks/pgd/images")
                    for word in [*words, CONVERT]:
                        self.assertIn(word, finished.err)
                self.assertFalse(os.path.exists(os.path.join(self.folder, "result.h5")))

    def test_every_group_is_looked_at(self):
        path = os.path.join(self.folder, "set.h5")
        write(path, COLOURS)
        with h5py.File(path, "r+") as file:
            file["clean/images"] = 255 * COLOURS
        for job in {}, {"input.clean": "no"}:
            self.assert_one_line(run_job(self.folder, job), 2, "/clean/images has values")

    def test_single_images_fail_by_themselves(self):
        images = COLOURS.copy()
        images[3] *= 255
        images[7] -= 0.5
        images[9, 0, 0, 0] = np.nan
        write(os.path.join(self.folder, "set.h5"), images)
        finished = run_job(self.folder, {"solver.iterations": 1}, "--overwrite")
        self.assertEqual(finished.status, 3, finished)
        with h5py.File(os.path.join(self.folder, "result.h5")) as file:
            status = file["runs/000/pgd/per_image"]["status"]
        self.assertEqual(np.flatnonzero(status).tolist(), [3, 7, 9])

    def test_rounding_is_clipped_and_counted(self):
        images = COLOURS.copy()
        images[images < 1e-3] = -1e-8
        images[2, 1, 3, 3] = np.float32(1 + 9e-7)
        images[5] = np.clip(COLOURS[5], 0, 1)
        write(os.path.join(self.folder, "set.h5"), images)
        job = {"solver.iterations": 3, "sweep.solver.gamma": "0.1, 0.2"}
        finished = run_job(self.folder, job, "--overwrite")
        self.assertEqual(finished.status, 0, finished)
        self.assertEqual(finished.out.count("11 of 12 images had pixels beyond [0,1]"), 2)
        rounded = self.result()
        self.assertEqual(rounded[0], [int(i != 5) for i in range(COUNT)])
        self.assertEqual(rounded[1:3], (11, 11))
        write(os.path.join(self.folder, "set.h5"), np.clip(images, 0, 1))
        self.assertEqual(run_job(self.folder, job, "--overwrite").status, 0)
        plain = self.result()
        self.assertEqual(plain[:3], ([0] * COUNT, 0, 0))
        self.assertEqual(rounded[3], plain[3], "the bits of images clipped before")

    def result(self):
        with h5py.File(os.path.join(self.folder, "result.h5")) as file:
            return (
                file["runs/001/pgd/per_image"]["clipped"].tolist(),
                int(file["runs/001"].attrs["clipped"]),
                int(file["statistics"]["clipped"][1]),
                file["runs/001/pgd/images"][...].tobytes(),
            )

    def test_rounding_costs_no_accuracy(self):
        need_victim()
        images = random_images(40)
        images = np.where(images < 1e-3, -1e-8, images).astype("f4")
        write(os.path.join(self.folder, "set.h5"), images, np.arange(40) % 10)
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {"solver.iterations": 1, "victim.file": "victim.pt", "run.victim_seconds": 60}
        self.assertEqual(run_job(self.folder, job, "--overwrite").status, 0)


if __name__ == "__main__":
    if "--write" in sys.argv:
        with open(PAGE) as file:
            text = file.read()
        with open(PAGE, "w") as file:
            file.write(MARKED.sub(lambda _: page_rows(), text))
    else:
        unittest.main()
