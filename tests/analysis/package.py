"""Runs commands of the Python package for the tests beside it.

PYTHONPATH must name the package (build/python), tests/runs and tests/reference, as ctest sets it:

    cd build && ctest -R analysis
"""

import contextlib
import importlib
import io
import subprocess
import unittest.mock

from support import SOURCE  # noqa: F401 - before torch, whose threads it limits


def run(module, name, arguments, status):
    """Call main() of a module in this process, since starting Python with torch takes long.

    A command that must fail says why in one line."""
    ended, out, err = 0, io.StringIO(), io.StringIO()
    with unittest.mock.patch("sys.argv", [name, *map(str, arguments)]), contextlib.redirect_stdout(
        out
    ), contextlib.redirect_stderr(err):
        try:
            importlib.import_module(module).main()
        except SystemExit as problem:
            ended = problem.code
    done = subprocess.CompletedProcess(arguments, ended, out.getvalue(), err.getvalue())
    assert ended == status, done
    assert status == 0 or done.stderr.count("\n") == 1, done
    return done


def command(*arguments, status=0):
    """barydef attack, convert or report."""
    return run("barydef.command_line", "barydef", arguments, status)


def tool(name, *arguments, status=0):
    """python3 -m barydef.NAME."""
    return run(f"barydef.{name}", name, arguments, status)
