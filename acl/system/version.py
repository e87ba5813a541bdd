"""Which version of ACL Explorer this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def here() -> str:
    """The installed version; "not installed" where it runs from a checkout that is not."""
    try:
        return version("acl-explorer")
    except PackageNotFoundError:
        return "not installed"
