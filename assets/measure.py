"""Measure what the lesson says, by the real engine: make measurements (some twenty minutes on one CPU core).

Each line of assets/lesson/runs.jsonl is one finished run: the settings in which it differs from BASE, the seed, and the
accuracy matrices R and R_aware (acl.metrics; fractions, rounded to six digits). Runs that are there are not run again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from acl.config import FULL, RunConfig
from acl.events import Evaluated
from acl.loop import Loop
from acl.plan import budget, training_steps
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.system.numerics import settle

Settings = dict[str, Any]
FILE = Path(__file__).resolve().parent / "lesson" / "runs.jsonl"
BASE: Settings = {"learner": "er", "strategy": "uniform"}
"""On top of the preset digits-demo: 40 labels a task, 10 + 3 × 10, and 10 remembered digits."""
SEEDS = range(10)
MEMORIES = (0, 10, 20, 50)
LEARNERS = ("er", "derpp", "er_ace")
LABELS = ({"n_end": 10}, {"n_end": 20}, {}, {"strategy": FULL})
STRATEGIES = ("uniform", "entropy", "badge", "accuacl")
LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)
# All ten classes at once: with the labels of one task of the stream, and with those of its five tasks together.
SINGLE = ({"classes_per_task": 10}, {"classes_per_task": 10, "n_start": 50, "n_query": 50, "n_end": 200})


def wanted() -> list[Settings]:
    """Every group of runs that the lesson speaks of, without what BASE and the preset say anyway."""
    groups = [
        *({"memory": memory} for memory in MEMORIES),
        *({"learner": learner, **labels} for learner in LEARNERS for labels in LABELS),
        *({"learner": learner, **with_equal_steps(labels)} for learner in LEARNERS for labels in LABELS),
        *({"strategy": strategy} for strategy in STRATEGIES),
        *({"strategy": "accuacl", "memory": memory} for memory in MEMORIES[1:]),
        *({**single, "strategy": strategy} for single in SINGLE for strategy in STRATEGIES),
        *({"strategy": "accuacl", "lambda": weight} for weight in LAMBDAS),
    ]
    different = [differing(settings) for settings in groups]
    return [settings for i, settings in enumerate(different) if settings not in different[:i]]


def with_equal_steps(labels: Settings) -> Settings:
    """The same labels for so many epochs that a task's last training has as many steps as with 40 labels (150), as
    nearly as whole epochs can: 144 where all are labelled."""
    usual, config = config_of({}, 0), config_of(labels, 0)
    steps = training_steps(usual, usual.n_end)
    an_epoch = training_steps(config, budget(config, prepare(config).tasks[0])) / config.epochs
    return {**labels, "epochs": round(steps / an_epoch)}


def differing(settings: Settings) -> Settings:
    usual = config_of({}, 0).model_dump(by_alias=True)
    return {name: value for name, value in settings.items() if usual[name] != value}


def config_of(settings: Settings, seed: int) -> RunConfig:
    return preset_config("digits-demo", **BASE | settings, seed=seed)


def measured(settings: Settings, seed: int) -> dict[str, Any]:
    """One run, from its first task to its last."""
    config = config_of(settings, seed)
    settle(config)
    loop = Loop(config, prepare(config))
    finals = []
    while not loop.done:
        event = loop.step()
        if isinstance(event, Evaluated) and event.final:
            finals.append(event)
    return {
        "settings": settings,
        "seed": seed,
        "R": [[round(share, 6) for share in event.accuracy] for event in finals],
        "R_aware": [[round(share, 6) for share in event.accuracy_aware] for event in finals],
    }


def main() -> None:
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a+", encoding="utf-8") as file:
        file.seek(0)
        known = [(line["settings"], line["seed"]) for line in map(json.loads, file)]
        missing = [(s, seed) for s in wanted() for seed in SEEDS if (s, seed) not in known]
        for i, (settings, seed) in enumerate(missing, start=1):
            file.write(json.dumps(measured(settings, seed)) + "\n")
            file.flush()
            print(f"{i} of {len(missing)}: {settings}, seed {seed}", file=sys.stderr)


if __name__ == "__main__":
    main()
