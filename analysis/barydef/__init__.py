"""The Python side of barydef: attacked sets, conversion, reports.

Importing the package loads nothing else. Each module imports what it needs, so that a report
needs no PyTorch and a conversion no matplotlib."""

__version__ = "0.2.0"
