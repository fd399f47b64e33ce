"""Prints a header of include/ as Doxygen is to see it.  docs/Doxyfile names it as INPUT_FILTER.

Doxygen does not look into a table that is included inside a struct or an enum.  This prints the
header with the members in place of such a table, each with its meaning as a comment.  The header
says what a row becomes; BD_MEANS("...") in it is the comment."""

import ast
import os
import re
import subprocess
import sys

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
STRINGS = r'((?:\s*"(?:\\.|[^"\\])*")+\s*)'


def preprocessed(text):
    """What the preprocessor makes of a piece of C that uses the tables."""
    include = os.path.join(SOURCE, "include")
    command = ["cc", "-E", "-P", "-w", "-DBD_DOXYGEN", "-I", include]
    command += ["-imacros", "barydef/tables.h", "-xc", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def words(meaning):
    """A meaning from a table, in which "@a@b" is a list of words with their numbers."""

    def numbered(found):
        names = found.group(0).split("@")[1:]
        return ", ".join(f"{number} {name}" for number, name in enumerate(names))

    return re.sub(r"(@[a-z0-9-]+)+", numbered, meaning)


def comment(found):
    meaning = words(ast.literal_eval("(" + found.group(1) + ")")).removesuffix("; unit: ")
    return "/**< " + meaning.replace("\\|", "|").replace("`", "") + " */\n"


def members(text):
    """C after the preprocessor, with comments for the BD_MEANS."""
    text = re.sub(r"BD_MEANS\(" + STRINGS + r"\)", comment, preprocessed(text))
    if "BD_MEANS" in text:
        sys.exit(f"BD_MEANS with something that is not a text:\n{text}")
    return re.sub(r"\n\s*\n+", "\n", text)


def filtered(header):
    """The header with its tables expanded."""
    macros = {}
    lines = []
    for line in re.split(r"(?<!\\)\n", header):
        macro = re.match(r"#\s*define\s+(\w+)", line)
        table = re.match(r"#include <(barydef/\w+\.def)>", line)
        row = re.search(r"\bBD_\w+_TABLE\(BD_\w+\)", line)
        known = "\n".join(macros.values()) + "\n"
        if table:
            lines.append(members(known + line))
            with open(os.path.join(SOURCE, "include", table.group(1))) as file:
                for name in re.findall(r"#undef (\w+)", file.read()):
                    macros.pop(name, None)
        elif macro:
            macros[macro.group(1)] = line
            lines.append(line)
        elif row and not line.lstrip().startswith(("/", "*")):
            expanded = members(known + row.group(0))
            lines.append(line[: row.start()] + expanded + line[row.end() :])
        else:
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(filtered(file.read()))
