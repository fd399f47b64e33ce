"""Run a test file, which is skipped, loudly, where it imports a package that is not installed.

    skip_without_packages.py MISSING,PACKAGES TEST.py [ARGUMENT...]

tests/CMakeLists.txt puts this before the tests in Python where some packages are missing."""

import os
import runpy
import sys

missing = sys.argv[1].split(",")
del sys.argv[:2]
sys.path[0] = os.path.dirname(sys.argv[0])
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except ModuleNotFoundError as problem:
    if problem.name.split(".")[0] not in missing:
        raise
    print(f"SKIPPED: {sys.executable} has no {problem.name}", file=sys.stderr)
    sys.exit(77)
