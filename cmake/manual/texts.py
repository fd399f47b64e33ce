"""What barydef says of itself: `barydef help --json`, and argparse for the commands in Python."""

import argparse
import json
import os
import subprocess
import sys

ANALYSIS = os.path.join(os.path.dirname(__file__), "..", "..", "analysis")


def value_of(action):
    """What an option takes, as its help writes it; "" for a switch."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    return "|".join(action.choices) if action.choices else action.metavar or action.dest.upper()


def meaning_of(action, parser):
    """The help of an option or argument, with its default filled in."""
    text = action.help % {**vars(action), "prog": parser.prog}
    return text[0].upper() + text[1:]


def option_of(action, parser):
    names = {"--": "", "-": ""}
    for name in action.option_strings:
        names["--" if name.startswith("--") else "-"] = name.lstrip("-")
    return {
        "long": names["--"],
        "short": names["-"],
        "value": value_of(action),
        "meaning": meaning_of(action, parser),
    }


def told_by(parser):
    """What argparse knows of a command, in the form of `barydef help --json`."""
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return {
        "description": parser.description,
        "statuses": list(parser.endings.items()),
        "examples": parser.examples,
        "options": [option_of(a, parser) for a in actions if a.option_strings],
        "positionals": [
            (value_of(a), meaning_of(a, parser)) for a in actions if not a.option_strings
        ],
    }


def everything(program):
    """All texts, as a dictionary."""
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    said = subprocess.run(
        [program, "help", "--json"], env=environment, stdout=subprocess.PIPE, check=True
    )
    texts = json.loads(said.stdout)
    sys.dont_write_bytecode = True
    sys.path.insert(0, ANALYSIS)
    from barydef.command_line import make_parser

    in_python = make_parser().commands
    for command in texts["commands"]:
        command["positionals"] = []
        if command["name"] in in_python:
            command.update(told_by(in_python[command["name"]]))
    return texts
