"""The files that are mutated."""

import os

import h5py
import numpy as np

from inputs import random_images, write_set
from support import job_text, purify


def make_seeds(folder):
    """Makes small files of every layout that the reader knows, complete and partial results, a
    job."""
    images = random_images(5, 2, 6, 5)
    name = lambda number: os.path.join(folder, f"set-{number}.h5")
    write_set(name(0), {"a": images, "b": images}, clean=images)
    write_set(
        name(1),
        {"a": images.astype("f8")},
        clean=images.astype("f8"),
        chunks=(2, 1, 6, 5),
        compression="gzip",
        shuffle=True,
        fletcher32=True,
    )
    write_set(name(2), {"a": (images * 255).astype("u1")}, chunks=(1, 2, 4, 4), compression="gzip")
    with h5py.File(name(3), "w", libver="latest") as file:
        file.attrs["schema"], file.attrs["schema_version"] = "attacked-images", 1
        file.create_dataset("labels", data=np.arange(5), chunks=(2,), maxshape=(None,))
        file.create_dataset(
            "attacks/a/images",
            data=images,
            chunks=(2, 2, 6, 5),
            maxshape=(None, 2, 6, 5),
            compression="gzip",
        )
        file.create_dataset("attacks/b/images", data=images, chunks=(2, 2, 6, 5))
        file.create_dataset(
            "clean/images", data=images, chunks=(2, 1, 6, 5), maxshape=(None, None, 6, 5)
        )
        for number in range(20):
            file["attacks/a"].attrs[f"attribute {number}"] = "text " * number
    job = {
        "input.file": "set-0.h5",
        "solver.iterations": "2, 3",
        "sweep.solver.gamma": "0.5, 1",
        "run.block": 2,
    }
    purify(folder, job, output="result-0.h5")
    for form in "earliest", "latest":
        partial = purify(
            folder, job, "--set=run.max_minutes=1e-7", output=f"partial-{form}.h5", status=75
        )
    with open(partial, "rb") as file, open(os.path.join(folder, "result-1.h5"), "wb") as out:
        out.write(file.read())
    rewrite(partial)
    with open(os.path.join(folder, "job-0.ini"), "w") as file:
        file.write(
            job_text(
                {
                    **job,
                    "output.file": "out.h5",
                    "marginals.set": "identity + rotate 2 + translate 3 0",
                    "solver.weights": "1 1 1",
                }
            )
        )


def rewrite(path):
    """Gives attributes other storage: heaps, B-trees of version 2, texts of variable length."""
    os.rename(path, path + ".old")

    def attributes(old, new):
        for key in old.attrs:
            kind = h5py.h5a.open(old.id, key.encode()).dtype
            new.attrs.create(
                key,
                old.attrs[key],
                dtype=h5py.string_dtype()
                if key in ("norm", "source", "solver.method", "git_revision")
                else kind,
            )

    def add(name, item):
        if isinstance(item, h5py.Group):
            attributes(item, new.create_group(name))
        else:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            made = h5py.h5d.create(
                new.id, name.encode(), item.id.get_type(), item.id.get_space(), plan
            )
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, item[...])
            attributes(item, new[name])

    with h5py.File(path + ".old") as old, h5py.File(path, "w", libver="latest") as new:
        attributes(old, new)
        old.visititems(add)
    os.unlink(path + ".old")
