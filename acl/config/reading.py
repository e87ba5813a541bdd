"""The settings in a run folder, and whether this version can still work by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acl.config.run_config import RunConfig, make_config
from acl.config.settings import METHOD
from acl.errors import UserError
from acl.names import from_json_file

FORMAT = "1"
"""Of snapshot and sweep files."""
AS_WRITTEN = frozenset({"data", "weights", "label_column"})
"""Settings that name a place on a disk or in a file: what is no UTF-8 or not printable in them belongs to it."""
NO_CHOICE = "The method is no choice: it is what this version works by, so leave it out."
EARLIER = (
    "This run was made by an earlier version, with another method (float32, probabilities over all classes seen): "
    "it can be looked at, compared and exported, not resumed, forked or verified; start a new run."
)


def read_config(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The config of a run folder's config.json, and the extra entries beside it (format, parent)."""
    try:
        raw = from_json_file(path, AS_WRITTEN)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: this folder is not a run.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): restore it or delete the run.") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("config"), dict):
        raise UserError(f"{path} holds no run settings: restore it or delete the run.")
    method = str(raw.get("format", 1))
    if method not in {"1", "2"}:
        raise UserError(
            f"{path} has run format {raw.get('format')!r}, this version reads the formats 1 and {METHOD}: "
            "open it with the version that wrote it, or a newer one."
        )
    # Method 1 knew no precision: it worked in float32.
    said = {"method": int(method), **({"precision": "float32"} if method == "1" else {})}
    try:
        return make_config({**raw["config"], **said}), {k: v for k, v in raw.items() if k != "config"}
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def check_method(config: RunConfig) -> None:
    """UserError for a run of an earlier method: what is worked out today would be another run."""
    if config.method != METHOD:
        raise UserError(EARLIER)
