"""The Python side of barydef: a purifier of arrays, attacked sets, conversion, reports.

Importing the package loads nothing else. Each module imports what it needs, so that a report
needs no PyTorch and a conversion no matplotlib. `Purifier`, `settings` and `status_name` are loaded
when they are first named."""

__version__ = "0.2.0"
__all__ = ["Purifier", "settings", "status_name"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import purifier

    return getattr(purifier, name)
