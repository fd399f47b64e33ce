"""Seeds of the fuzz targets, small files made anew each time: job files, files of attacked images,
surveys of them, results.

    /usr/bin/python3 tests/fuzz/seeds.py FOLDER        makes FOLDER/job, images, survey, result

BARYDEF and BARYDEF_LIBRARY name program and library."""

import ctypes
import glob
import os
import shutil
import sys
import tempfile

import h5py
import numpy as np

from inputs import random_images, write_set
from support import SOURCE, job_text, launch

JOBS = {
    "every-section": {
        "input.file": "a.h5",
        "input.attacks": "a, b",
        "input.clean": "no",
        "input.limit": 3,
        "output.file": "b.h5",
        "output.images": "no",
        "marginals.set": "identity + rotate 2.5 + translate -1 0.5",
        "solver.iterations": "1, 2 3",
        "solver.weights": "1 2 3",
        "solver.window": "full",
        "solver.tolerance": "1e-3",
        "victim.file": "v.pt",
        "victim.batch": 4,
    },
    "sweep": {
        "input.file": "a.h5",
        "output.file": "b.h5",
        "sweep.solver.gamma": "0.02, 0x1p-3, 1e0",
        "sweep.marginals.set": "B4, B6, identity + translate 1 1",
        "sweep.solver.iterations": "1 2, 3",
        "sweep.solver.cost": "l1, l2",
    },
    "numbers": {
        "input.file": "a.h5",
        "output.file": "b.h5",
        "solver.gamma": "1e999",
        "solver.tau": "nan",
        "solver.theta": "-inf",
    },
    "long": {
        "input.file": "x" * 600,
        "output.file": "b.h5",
        "marginals.set": " + ".join(["rotate 1", "translate 1 2"] * 30),
    },
}


def jobs(folder):
    for name, values in JOBS.items():
        with open(os.path.join(folder, f"{name}.ini"), "w") as file:
            file.write("; a comment\n\n" + job_text(values) + "# the end ; of it\n")
    for path in glob.glob(os.path.join(SOURCE, "jobs", "**", "*.ini"), recursive=True):
        shutil.copy(path, folder)


def images(folder):
    some = random_images(3, 1, 4, 5)
    path = lambda name: os.path.join(folder, f"{name}.h5")
    write_set(path("float64"), {"a": some, "b": (some, "l2", 1, "text")}, clean=some)
    write_set(path("float32-chunked"), {"a": some.astype("f4")}, chunks=(2, 1, 4, 5))
    write_set(
        path("uint8-deflate"),
        {"a": np.uint8(255 * some)},
        clean=np.uint8(255 * some),
        chunks=(2, 1, 3, 2),
        compression="gzip",
    )
    write_set(
        path("shuffle-fletcher32"),
        {"a": some},
        chunks=(1, 1, 4, 5),
        shuffle=True,
        fletcher32=True,
        labels=np.arange(3, dtype="u1"),
    )
    write_set(
        path("float16-lzf"),
        {"a": np.round(some, 1).astype("f2"), "b": np.round(some[:, 0], 1).astype(">f2")},
        compression="lzf",
        shuffle=True,
        labels=np.arange(3.0),
    )
    with h5py.File(
        path("newest-format"), "w", libver="latest"
    ) as file:  # object headers and B-trees of other kinds, text of variable length
        file.attrs.update(schema="attacked-images", schema_version=1, dataset="noise")
        file["labels"] = np.arange(3)
        file.create_dataset(
            "clean/images", data=some, chunks=(1, 1, 2, 5), maxshape=(None, 1, 4, 5)
        )
        file.create_dataset("attacks/compact/images", data=some)
    with h5py.File(path("fixed-text"), "w") as file:
        file.attrs.update(
            {
                "schema": np.bytes_("attacked-images"),
                "schema_version": np.int8(1),
                "dataset": np.bytes_("noise"),
            }
        )
        file.create_dataset("labels", data=np.arange(3, dtype=">i2"), chunks=(2,))
        for i in range(12):  # more than one symbol table node
            file.create_dataset(f"attacks/attack{i}/images", data=some.astype("f4"))
            file[f"attacks/attack{i}"].attrs.update(norm=np.bytes_("linf"), epsilon=0.1)


def surveys(folder):
    """Write the length of the survey that the child makes of a file, the survey, and the file."""
    library = ctypes.CDLL(os.environ["BARYDEF_LIBRARY"])
    library.bd_images_survey.restype = ctypes.c_void_p
    made = os.path.join(os.path.dirname(folder), "images")
    for name in sorted(os.listdir(made)):
        opened, size = ctypes.c_void_p(), ctypes.c_size_t()
        if (
            library.bd_images_open(
                os.path.join(made, name).encode(),
                ctypes.c_int64(32 << 20),
                ctypes.byref(opened),
                None,
            )
            != 0
        ):
            continue
        survey = ctypes.string_at(library.bd_images_survey(opened, ctypes.byref(size)), size.value)
        library.bd_images_close(opened)
        with open(os.path.join(made, name), "rb") as file, open(
            os.path.join(folder, name), "wb"
        ) as out:
            out.write(len(survey).to_bytes(4, "little") + survey + file.read())


def results(folder):
    with tempfile.TemporaryDirectory() as work:
        some = random_images(3, 1, 4, 5)
        write_set(os.path.join(work, "set.h5"), {"a": some, "b": some}, clean=some)
        values = {
            "input.file": "set.h5",
            "marginals.set": "B4",
            "solver.iterations": "1, 2",
            "run.progress": 0,
        }
        for name, others, options in (
            ("complete", {}, ()),
            ("no-images", {"output.images": "no"}, ()),
            ("part", {"sweep.solver.gamma": "0.5, 1"}, ("--part=2/2",)),
            (
                "stopped",
                {"solver.iterations": 1000000, "run.max_minutes": 0.0001, "run.block": 1},
                (),
            ),
        ):
            with open(os.path.join(work, f"{name}.ini"), "w") as file:
                file.write(
                    job_text(
                        {**values, "output.file": os.path.join(folder, f"{name}.h5"), **others}
                    )
                )
            finished = launch("run", os.path.join(work, f"{name}.ini"), *options)
            if finished.status not in (0, 3, 75):
                raise SystemExit(str(finished))


if __name__ == "__main__":
    for name, make in {"job": jobs, "images": images, "survey": surveys, "result": results}.items():
        folder = os.path.join(sys.argv[1], name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        make(folder)
