"""acl data"""

from __future__ import annotations

import argparse
import json

from acl.cli.parser import Commands, data_dir_option
from acl.config import UserError, near


def add(commands: Commands) -> None:
    sub = commands.add(
        "data", _data, "fetch the images of a data set beforehand, or list what is here",
        "what was fetched is kept, the same command goes on from there",
    )  # fmt: skip
    deeds = sub.add_subparsers(required=True, metavar="get | list", dest="deed")
    get = deeds.add_parser("get", help="fetch a set, or go on with it")
    get.add_argument("name", metavar="NAME", help="see: acl data list")
    data_dir_option(get)
    listing = deeds.add_parser("list", help="which sets are here, and where")
    listing.add_argument("--json", action="store_true", help="for machines")
    data_dir_option(listing)


def _data(arguments: argparse.Namespace) -> None:
    from acl.plugins.registry import fetched, lying
    from acl.stream.downloads import data_dir, fetch

    sets = fetched()
    if arguments.deed == "get":
        if arguments.name not in sets:
            raise UserError(near(arguments.name, sets, "data set"))
        there = lying(arguments.name)
        for path in [there] if there else fetch(arguments.name, sets[arguments.name]):
            print(path)
        return
    rows = [
        {"name": name, "here": bool(there := lying(name)), "folder": str(there or data_dir() / name)} for name in sets
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        state = "here" if row["here"] else "not here"
        print(f"{row['name']:<14} {state:<9} {row['folder']}")
