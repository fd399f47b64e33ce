"""HDF5 files, opened without a lock.

Those that others made are opened so that nothing of theirs runs and no other file is read."""

import inspect
import os

import h5py


def forbid_plugins():
    """Let HDF5 load no filter that a file asks for, whoever imported h5py first."""
    while h5py.h5pl.size():
        h5py.h5pl.remove(0)


def has_locking():
    """Can h5py be told to take no lock? HDF5 can from 1.10.7 and 1.12.1 on."""
    version = h5py.version.hdf5_version_tuple
    knows = version >= (1, 12, 1) or (1, 10, 7) <= version < (1, 11)
    return knows and "locking" in inspect.signature(h5py.File.__init__).parameters


def open_file(path, mode="r"):
    """An h5py.File without HDF5's own lock.

    That lock fails on file systems without locks, and a reader's would stop a writer. No other
    place of the package opens an HDF5 file. HDF5_USE_FILE_LOCKING in the environment overrides
    this. Within a process HDF5 wants one choice for a file: whoever opens what is open here passes
    locking=False too, and a file that is open with a lock already is opened like that."""
    if not has_locking():
        os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
        return h5py.File(path, mode)
    try:
        return h5py.File(path, mode, locking=False)
    except OSError as problem:
        if "locking flag values don't match" not in str(problem):
            raise
        return h5py.File(path, mode)


def opened(path):
    """The open file, which holds no links or storage elsewhere."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file")
    forbid_plugins()
    try:
        file = open_file(path)
    except OSError as problem:
        raise OSError(f"{path}: {problem}") from None
    refuse_other_files(file, path)
    return file


def refuse_other_files(file, path):
    """Follow only hard links and read no data kept elsewhere, as barydef (docs/security.md)."""
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
