"""The command line, `acl` and `python -m acl`."""

from acl.cli.entry import main

__all__ = ["main"]
