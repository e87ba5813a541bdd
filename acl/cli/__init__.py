"""The command line, `acl` and `python -m acl`."""

from acl.cli.commands import main

__all__ = ["main"]
