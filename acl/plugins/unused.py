"""Which settings change nothing in a run, and why: those of plug-ins it has not, and those that another rules out.

The one answer for all who ask: what makes runs the same, the command line, forms, sweeps, forks and steering. A
setting belongs to the plug-ins of this package that name it in SETTINGS; what none of them names, every run uses,
but for RULES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from acl.config import FULL, RunConfig, UserError, field_names
from acl.plugins.description import Kind
from acl.plugins.registry import choices, owned

KINDS: dict[str, Kind] = {"dataset": "datasets", "learner": "learners", "strategy": "strategies"}
SHOWN_USERS = 5
QUERIES = ("n_query", "lambda", "dims_per_class", "oversample", "top_classes")
REPLAY = ("lambda", "memory_policy", "refill", "replay", "memory_batch_size", "memory_batches")


def _has_memory(config: RunConfig) -> bool:
    return "memory" in own("learners", config.learner)


# Settings, where they change nothing, who there has no use for them, and who has.
RULES: tuple[tuple[tuple[str, ...], Callable[[RunConfig], bool], str, str], ...] = (
    (("n_start", "n_query", "n_end"), lambda c: c.strategy == FULL, FULL, "strategies that choose"),
    (QUERIES, lambda c: c.n_end <= c.n_start, "a budget of n_start", "n_end above n_start"),
    (("lambda",), lambda c: not _has_memory(c), "{learner}", "learners with a memory"),
    (REPLAY, lambda c: c.memory == 0, "memory=0", "a memory of at least one sample"),
    (("refill",), lambda c: c.learner == "er" and c.memory_policy != "balanced", "a reservoir", "a balanced memory"),
    (("classes_per_task", "shuffle_classes"), lambda c: c.scenario == "domain", "scenario=domain", "scenario=class"),
    (("domain", "domains"), lambda c: c.scenario == "class", "scenario=class", "scenario=domain"),
    (("domains",), lambda c: c.domain == "folders", "domain=folders", "domain=rotate and domain=permute"),
    (("weights",), lambda c: c.backbone == "none", "backbone=none", "a frozen backbone"),
    (("width",), lambda c: c.model == "resnet18", "model=resnet18", "model=mlp and model=cnn"),
    (("cuda_graphs",), lambda c: c.device == "cpu", "device=cpu", "device=cuda"),
    # Their step size lies on the GPU in float32 (acl.steps).
    (("cuda_graphs",), lambda c: c.numbers == "float64", "precision=float64", "the lower precisions"),
    # The cosine begins at lr and has no second epoch to go on to.
    (("lr_end",), lambda c: c.epochs == 1, "epochs=1", "two epochs or more"),
)


def own(kind: Kind, name: str) -> frozenset[str]:
    """The settings that matter to a plug-in; all of its kind's if it is not installed here."""
    found = choices(kind)
    return found[name].uses if name in found else owned(kind)


def unused(config: RunConfig) -> dict[str, str]:
    """Each setting that changes nothing in a run of `config`, by name, with the sentence why (no full stop)."""
    found: dict[str, str] = {}
    for field, kind in KINDS.items():
        chosen = getattr(config, field)
        for name in sorted(owned(kind) - own(kind, chosen)):
            users = [other for other, plugin in choices(kind).items() if name in plugin.uses]
            found[name] = _sentence(chosen, name, _listed(users))
    for names, holds, who, others in RULES:
        if holds(config):
            for name in names:
                found.setdefault(name, _sentence(who.format(learner=config.learner), name, others))
    return found


def without_unused(config: RunConfig) -> RunConfig:
    """`config` with what it does not use at its default: nobody can mistake it for something that mattered."""
    attributes = field_names()
    names = [name for name in unused(config) if name in attributes]
    return config.changed(**{name: RunConfig.model_fields[attributes[name]].default for name in names})


def unused_by_all(configs: Iterable[RunConfig]) -> dict[str, str]:
    """What none of these runs uses, with the sentence why the first of them does not."""
    each = [unused(config) for config in configs]
    return {name: why for name, why in each[0].items() if all(name in one for one in each)} if each else {}


def refuse(configs: Iterable[RunConfig], named: Iterable[str], options: Mapping[str, str] | None = None) -> None:
    """UserError where none of these runs uses a setting that a user named; `options`: by which option, if by one."""
    why, options = unused_by_all(configs), options or {}
    for name in named:
        if name in why:
            said = why[name]
            if name in options:
                said = said.replace(f"does not use {name}", f"takes no {options[name]}", 1)
            raise UserError(f"{said}; leave it out.")


def _sentence(who: str, name: str, users: str) -> str:
    return f"{who} does not use {name}: it is for {users}"


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= SHOWN_USERS else [*names[: SHOWN_USERS - 1], "others"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
