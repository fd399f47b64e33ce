"""What barydef is built from has the same names everywhere: in cmake/requirements.txt, the lists of
Debian's packages, and the recipes of cmake/packaging.

Exit status 1 and one line for each fault."""

import pathlib
import re
import runpy
import sys
import types

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = TOP / "cmake" / "packaging"
RECIPE = PACKAGING / "spack/spack_repo/barydef/packages/barydef/package.py"
# Spack's names for things that several packages provide, by the package of the table.
VIRTUAL = {"openmpi": "mpi", "libjpeg-turbo": "jpeg", "zlib": "zlib-api", "gcc": "cxx"}


def lines(path):
    return [line for line in path.read_text().split("\n") if line.strip() and line[0] != "#"]


def rows():
    """The cells of cmake/requirements.txt."""
    return [[cell.strip() for cell in line.split("|")] for line in table()]


def table():
    return lines(TOP / "cmake" / "requirements.txt")


def faults_of_the_table():
    lists = {name: lines(TOP / "cmake" / name) for name in ("packages.txt", "packages-test.txt")}
    listed = sum(lists.values(), [])
    for package in sorted({one for one in listed if listed.count(one) > 1}):
        yield f"{package} stands twice in cmake/packages*.txt"
    for row in rows():
        if len(row) != 5 or not all(row):
            yield f"cmake/requirements.txt: {row[0]} has not five cells"
            continue
        for package in row[1].split():
            if package not in listed:
                yield f"{package} of cmake/requirements.txt is in no list of packages"


def recipe():
    """The package class of the Spack recipe, and what it depends on: [(spec, when)]."""
    dependencies = []
    spack, cmake = types.ModuleType("spack.package"), types.ModuleType("cmake")
    for name in "license", "version", "variant", "extends":
        setattr(spack, name, lambda *rest, **named: None)
    spack.depends_on = lambda spec, type=None, when=None: dependencies.append((spec, when))
    cmake.CMakePackage = type("CMakePackage", (), {})
    for name, module in {
        "spack": types.ModuleType("spack"),
        "spack.package": spack,
        "spack_repo.builtin.build_systems.cmake": cmake,
        **{name: types.ModuleType(name) for name in ("spack_repo", "spack_repo.builtin")},
        "spack_repo.builtin.build_systems": types.ModuleType("build_systems"),
    }.items():
        sys.modules[name] = module
    return runpy.run_path(str(RECIPE))["Barydef"], dependencies


def faults_of_the_recipe():
    package, dependencies = recipe()
    if package.git != TOP.as_uri():
        yield f"{RECIPE.name}: {package.git} is not this clone"
    named = {re.match(r"[\w-]+", spec).group() for spec, _ in dependencies}
    for name, _, _, spack, _ in rows():
        if spack != "-" and VIRTUAL.get(spack, spack) not in named:
            yield f"{RECIPE.name}: {spack}, for {name}, is missing"
    for one in lines(TOP / "cmake" / "packages.txt"):
        module = re.match(r"python3-(.*)", one)
        if module and f"py-{module.group(1)}" not in named:
            yield f"{RECIPE.name}: py-{module.group(1)} is missing"
    text = (TOP / "CMakeLists.txt").read_text()
    wanted = re.match(r"cmake_minimum_required\(VERSION (\d+\.\d+)", text)
    if f"cmake@{wanted.group(1)}:" not in [spec for spec, _ in dependencies]:
        yield f"{RECIPE.name}: CMakeLists.txt wants CMake {wanted.group(1)}"


def faults_of_the_container():
    text = (PACKAGING / "apptainer.def").read_text()
    installed = re.findall(r"apt-get install (.*)", text)
    expected = [
        "-y --no-install-recommends $(grep -v '^#' cmake/packages.txt) dpkg-dev file",
        "-y /barydef.deb",
    ]
    if installed != expected:
        yield f"apptainer.def installs {installed}, where {expected} was expected"
    for package in "dpkg-dev", "file":
        if package not in lines(TOP / "cmake" / "packages-test.txt"):
            yield f"apptainer.def installs {package}, which cmake/packages-test.txt does not name"


def main():
    found = [*faults_of_the_table(), *faults_of_the_recipe(), *faults_of_the_container()]
    print("\n".join(found) or f"{len(rows())} requirements have the same names everywhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
