"""acl estimate, and the settings that it and `acl run` are asked for."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from acl.cli.parser import Commands, changes_of, settings_options
from acl.cli.said import prints_aside


def add(commands: Commands) -> None:
    sub = commands.add(
        "estimate", _estimate, "measure in a few seconds how long a run of these settings takes on this machine"
    )
    settings_options(sub)
    sub.add_argument("--json", action="store_true", help="for machines: steps, seconds_per_step, seconds, device")


def _estimate(arguments: argparse.Namespace) -> None:
    made = measured(*asked(arguments))
    print(json.dumps(asdict(made)) if arguments.json else made.sentence)


def asked(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """The config of `settings_options`, as it will be recorded, and its stream; what there is to remark goes to
    stderr."""
    from acl.plugins.registry import prepare
    from acl.plugins.unused import refuse
    from acl.presets import preset_config
    from acl.runs.folder import resolved
    from acl.system.device import no_gpu_sentence

    named = {name: getattr(arguments, name) for name in ("dataset", "learner", "strategy", "seed", "data")}
    values = {name: str(value) for name, value in named.items() if value is not None} | changes_of(arguments.changes)
    config = preset_config(arguments.preset, **values)
    refuse([config], values, {} if arguments.data is None else {"data": "--data"})
    with prints_aside():
        stream = prepare(config)
    for note in filter(None, [*stream.notes, no_gpu_sentence(config.device)]):
        print(f"acl: {note}", file=sys.stderr)
    return resolved(config, stream), stream


def measured(config: Any, stream: Any) -> Any:
    """The Estimate of these settings (acl.service.estimate), with what libraries print sent to stderr. UserError for
    what a run would refuse."""
    from acl.service.estimate import estimate

    with prints_aside():
        return estimate(config, stream)
