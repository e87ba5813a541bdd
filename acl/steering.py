"""What may be changed while a run goes on, or in a fork of it: settings that leave its past as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acl.config import FULL, RunConfig, UserError, field_names, make_config, near

# From any query on: who is chosen, how many, and what the labels are worth.
SELECTION = ("strategy", "lambda", "n_query", "n_end", "dims_per_class", "oversample", "top_classes", "label_noise")
# Only where a task begins: within it, every training starts again from the task's base.
TRAINING = (
    "n_start", "epochs", "batch_size", "memory_batch_size", "lr", "lr_end", "momentum", "weight_decay", "augment",
    "replay", "memory_batches", "memory",
)  # fmt: skip
# There too, as long as no memory has been kept by them.
KEEPING = ("memory_policy", "refill")


@dataclass(frozen=True)
class Choice:
    """The samples a human buys in this query in the place of the strategy's; a label None is asked of the data."""

    task: int
    round: int
    ids: list[int]
    labels: list[int | None]


def steered(config: RunConfig, changes: Mapping[str, Any], at_task_start: bool) -> RunConfig:
    """`config` with `changes`. UserError where one of them cannot be had in a run that has begun.

    A smaller memory drops at once whom its policy would not have kept (acl.learners.base.Base.cut); a larger one has
    room for what is labelled from here on: what is gone stays gone.
    """
    allowed: tuple[str, ...] = SELECTION + TRAINING if at_task_start else SELECTION
    if at_task_start and not config.memory:
        allowed += KEEPING
    for name in changes:
        if name not in field_names():
            raise UserError(near(name, field_names(), "setting"))
        if name in TRAINING and not at_task_start:
            raise UserError(f"{name} can be changed only where a task begins (round 0), not within it.")
        if name not in allowed:
            raise UserError(
                f"{name} cannot be changed in a run that has begun, because its past depends on it: start a new run. "
                f"These can: {', '.join(allowed)}."
            )
    changed = config.changed(**changes)
    if FULL in {config.strategy, changed.strategy} and config.strategy != changed.strategy:
        raise UserError("A run with full labels asks no queries: no strategy can be changed to it or from it.")
    return changed


def due(changes: Mapping[str, Any], at_task_start: bool) -> dict[str, Any]:
    """The part of `changes` that can come into force here: what a whole task is trained with waits for the next one."""
    return {name: value for name, value in changes.items() if at_task_start or name not in TRAINING + KEEPING}


def differences(config: RunConfig, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `wanted` that `config` does not say yet, its values in the form config.json holds. UserError for
    a setting or a value that makes no sense."""
    here = config.model_dump(by_alias=True)
    for name in wanted:
        if name not in here:
            raise UserError(near(name, here, "setting"))
    there = make_config({**here, **wanted}).model_dump(by_alias=True)
    return {name: there[name] for name in wanted if there[name] != here[name]}
