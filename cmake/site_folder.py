"""Print the folder, relative to a prefix, where this Python looks for packages below it."""

import os
import sys
import sysconfig


def folder_of(prefix):
    """Debian has schemes of its own for /usr and /usr/local."""
    schemes = [sysconfig.get_default_scheme()] if sys.version_info >= (3, 10) else []
    schemes += [one for one in ("deb_system",) if one in sysconfig.get_scheme_names()]
    for scheme in schemes:
        folder = os.path.relpath(sysconfig.get_path("purelib", scheme), prefix)
        if folder.startswith("lib"):
            return folder
    return os.path.relpath(sysconfig.get_path("purelib", "posix_prefix", {"base": prefix}), prefix)


print(folder_of(os.path.abspath(sys.argv[1])))
