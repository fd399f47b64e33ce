"""HDF5 files that others made, opened so that nothing of theirs runs and no other file is read."""

import os

import h5py


def forbid_plugins():
    """Let HDF5 load no filter that a file asks for, whoever imported h5py first."""
    while h5py.h5pl.size():
        h5py.h5pl.remove(0)


def opened(path):
    """The open file, which holds no links or storage elsewhere."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file")
    forbid_plugins()
    try:
        file = h5py.File(path, "r")
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
