"""The includes have no circles, and the table of docs/architecture.md allows each.

Exit status 1 and one line for each fault.  The table is the rule, so that page and sources cannot
differ."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMENT = re.compile(r"/\*.*?\*/", re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
# Headers of libraries that only some rooms may know, by the name the table has for them.
LIBRARIES = {
    "mpi.h": "MPI",
    "hdf5.h": "HDF5",
    "fftw3.h": "FFTW",
    "ini.h": "libinih",
    "libdeflate.h": "libdeflate",
    "zlib.h": "zlib",
    "jpeglib.h": "libjpeg",
    "torch/": "libtorch",
}
# The numerics work on memory.  These headers of the system open nothing, wait for nothing and ask
# nothing, but sys/mman.h, which is there for madvise: what pages hold their memory.
NUMERICS = re.compile(r"(ctype|float|limits|math|std[a-z]+|string|sys/mman|fftw3|immintrin)\.h$")


def sources():
    """Every C and C++ file of the library, the program and the public headers."""
    for folder in ("src", "include"):
        for path in sorted((TOP / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".cpp", ".hpp", ".def"):
                yield path


def inside(name, includer):
    """The file of this repository that an include means, or None for one of the system."""
    for folder in (TOP / "src", TOP / "include", includer.parent):
        if (folder / name).is_file():
            return (folder / name).resolve()
    return None


def read_graph():
    """{file: files it includes}, and [(file, header)] for headers of libraries."""
    graph, outside = {}, []
    for path in sources():
        graph[path] = []
        for quoted, pointed in INCLUDE.findall(COMMENT.sub("", path.read_text())):
            found = inside(quoted or pointed, path)
            if found:
                graph[path].append(found)
            else:
                outside.append((path, quoted or pointed))
    return graph, outside


def circles(graph):
    """Strongly connected components, and files that include themselves (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1 or node in graph.get(node, ()):
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def named(cell):
    """The names in a cell of the table, which stand between backquotes."""
    return " ".join(re.findall(r"`([^`]+)`", cell)).split()


def read_rules():
    """From the table: {room: (what it may include, libraries)} and {public header: room}.

    Raises ValueError where a room names one that does not stand below it."""
    page = (TOP / "docs/architecture.md").read_text()
    table = page.split("<!-- rooms -->")[1].split("<!-- /rooms -->")[0]
    rules, headers, everything = {}, {}, None
    for row in table.strip().splitlines()[2:]:
        room, public, may, libraries = (cell.strip() for cell in row.split("|")[1:5])
        room = named(room)[0]
        rules[room] = set(named(may)), set(named(libraries))
        headers.update((header, room) for header in named(public))
        everything = room if may == "every room below" else everything
    order = list(rules)
    if everything:
        rules[everything][0].update(order[order.index(everything) + 1 :])
    for room, (may, _) in rules.items():
        for other in may - set(headers):
            if other not in rules or order.index(other) <= order.index(room):
                raise ValueError(f"docs/architecture.md: {other} is no room below {room}")
    return rules, headers


def room_of(path, rules, headers):
    """The room of a file: itself, its folder, or the room that a public header belongs to."""
    if path.is_relative_to(TOP / "include"):
        return headers.get(path.name)
    name = path.relative_to(TOP / "src")
    if name.as_posix() in rules:
        return name.as_posix()
    return "src" if name.parent == pathlib.Path() else name.parent.as_posix()


def breaches(graph, outside):
    """A line for each include that the table does not allow."""
    rules, headers = read_rules()
    for path, includes in graph.items():
        name, room = path.relative_to(TOP), room_of(path, rules, headers)
        if room not in rules:
            yield f"{name}: docs/architecture.md names no room for it ({room})"
            continue
        for other in includes:
            there = room_of(other, rules, headers)
            is_public = other.is_relative_to(TOP / "include") and other.name in rules[room][0]
            if there != room and there not in rules[room][0] and not is_public:
                yield f"{name}: {room} may not include {other.relative_to(TOP)} of {there}"
    for path, header in outside:
        library = next((LIBRARIES[key] for key in LIBRARIES if header.startswith(key)), None)
        room = room_of(path, rules, headers)
        if library and room in rules and library not in rules[room][1]:
            yield f"{path.relative_to(TOP)}: {room} may not know {library}"
        if room in ("transport", "transport/engine") and not NUMERICS.match(header):
            yield f"{path.relative_to(TOP)}: the numerics may not know {header}"


def main():
    graph, outside = read_graph()
    faults = [
        "circle of includes: " + ", ".join(str(p.relative_to(TOP)) for p in circle)
        for circle in circles(graph)
    ]
    try:
        faults += breaches(graph, outside)
    except ValueError as fault:
        faults.append(str(fault))
    print("\n".join(faults) or f"{len(graph)} files, no circle, every include is allowed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
