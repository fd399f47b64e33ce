"""The completion of bash, from what barydef says of itself."""

import os
import re

ENDS = {"input.file": "h5", "output.file": "h5", "victim.file": "pt"}


def takes(placeholder, commands):
    """What bash offers for an argument or the value of an option that help writes so."""
    if placeholder == "SECTION.KEY=VALUE":
        return "parameter"
    if placeholder == "COMMAND":
        return f"words {commands}"
    if placeholder == "FOLDER":
        return "folder"
    if placeholder in ("FILE", "OUT", "DATA"):
        return "any"
    if re.fullmatch(r"[A-Z]+\.[a-z0-9]+", placeholder):
        return f"files {placeholder.partition('.')[2]}"
    if re.fullmatch(r"[a-z0-9_]+(\|[a-z0-9_]+)+", placeholder):
        return f"words {placeholder.replace('|', ' ')}"
    return "nothing"


def values(parameter):
    if parameter["kind"] == "path":
        return f"files {ENDS[parameter['section'] + '.' + parameter['key']]}"
    if not parameter["words"]:
        return "nothing"
    kind = "list" if parameter["kind"] == "names" else "words"
    return f"{kind} {parameter['words'].replace('|', ' ')}"


def cases(rows, variable):
    """Branches of a case; rows without anything to say are left to the last one."""
    return "\n".join(f"    {name}) {variable}='{value}' ;;" for name, value in rows)


def arguments_of(command, commands):
    """Pairs of a pattern of numbers and what such an argument takes."""
    names = command["arguments"].split()
    for number, name in enumerate(names, 1):
        pattern = "[1-9]*" if name.endswith("...") else number
        yield f"{command['name']}:{pattern}", takes(name.strip("[]."), commands)


def bash(texts):
    commands = " ".join(command["name"] for command in texts["commands"])
    given, options = [], []
    for command in texts["commands"]:
        flags = []
        for option in command["options"]:
            flags += [f"--{option['long']}"]
            kind = takes(option["value"], commands)
            if option["value"]:
                kind = "value" if kind == "nothing" else kind
            given.append((f"{command['name']}:--{option['long']}", kind))
        given += arguments_of(command, commands)
        options.append((command["name"], " ".join(flags)))
    # The sections of attacks have names of the user's own.
    named = [
        (f"{one['section']}.{one['key']}", one)
        for one in texts["parameters"]
        if not one["section"].startswith("attack ")
    ]
    filled = {
        "TAKES": cases([row for row in given if row[1] != "nothing"], "takes"),
        "OPTIONS": cases(options, "options"),
        "PROGRAM_OPTIONS": "--help --version",
        "VALUES": cases([(n, values(p)) for n, p in named if values(p) != "nothing"], "takes"),
        "KEYS": " ".join(f"{name}=" for name, _ in named),
        "SWEPT": " ".join(f"sweep.{name}=" for name, one in named if one["swept"]),
        "COMMANDS": commands,
    }
    with open(os.path.join(os.path.dirname(__file__), "completion.bash.in")) as file:
        return re.sub(r"@([A-Z_]+)@", lambda found: filled[found[1]], file.read())
