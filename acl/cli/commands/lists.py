"""acl strategies, learners, datasets, presets and settings"""

from __future__ import annotations

import argparse
import json
from itertools import groupby

from acl.cli.parser import Commands
from acl.config import listed


def add(commands: Commands) -> None:
    sub = commands.add("settings", _settings, "list every setting of a run: name, default, what it means, by group")
    sub.add_argument("--json", action="store_true", help="for machines")

    for kind in ("strategies", "learners", "datasets", "presets"):
        sub = commands.add(kind, _catalogue, f"list the {kind}")
        sub.set_defaults(kind=kind)
        sub.add_argument("--json", action="store_true", help="for machines")


def _settings(arguments: argparse.Namespace) -> None:
    """Names as --set takes them."""
    rows = listed()
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(f"{row['name']}={row['default']}") for row in rows)
    for group, members in groupby(rows, key=lambda row: row["group"]):
        print(f"{group}:")
        for row in members:
            print(f"  {row['name'] + '=' + row['default']:<{width}}  {row['title']}: {row['meaning']}")


def _catalogue(arguments: argparse.Namespace) -> None:
    if arguments.kind == "presets":
        from acl.presets import PRESETS

        rows = [{"name": name, "label": p.label, "summary": p.summary, **p.values} for name, p in PRESETS.items()]
    else:
        from acl.plugins.registry import choices

        rows = [
            {"name": name, "label": p.label, "summary": p.summary, "settings": sorted(p.uses)}
            for name, p in choices(arguments.kind).items()
        ]
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['label']}: {row['summary']}")
