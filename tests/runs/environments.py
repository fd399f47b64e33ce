"""Virtual environments of Python, and pip in them, without what is set for the tests."""

import os
import re
import subprocess
import sys

from support import skip

# Foolbox, and what it imports beside that which Debian's torch comes with, as they were tried.
FOOLBOX = (
    *("foolbox==3.3.4", "eagerpy==0.30.0", "GitPython==3.1.46", "gitdb==4.0.12"),
    "smmap==5.0.2",
)
QUICKLY = "--quiet", "--retries", "1", "--timeout", "15"  # PyPI may be out of reach


def run(*command, **options):
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"env": bare, **options}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)


def environment(folder, name, *options):
    """The Python of a new environment.  Skips the test where none can be made."""
    folder = os.path.join(folder, name)
    if run(sys.executable, "-m", "venv", *options, folder).returncode:
        skip("python3-venv is not installed")
    return os.path.join(folder, "bin", "python3")


def pip(python, *arguments, **options):
    done = run(python, "-m", "pip", "--disable-pip-version-check", *arguments, **options)
    assert done.returncode == 0, done
    return done


def install_or_skip(python, *packages):
    """Install packages from PyPI.  Skips the test where it is not reached."""
    done = run(python, "-m", "pip", "install", *QUICKLY, *packages)
    assert not re.search(r"\(from versions: \d", done.stderr), done  # reached, and has others
    if done.returncode:
        skip(f"PyPI is not reached, so that pip finds no {packages[-1]}")
