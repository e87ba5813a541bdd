"""What ships with the lesson: every group it speaks of, ten seeds each, and the engine finds the same again."""

from __future__ import annotations

import json

import pytest

from acl.plan import training_steps
from app.lesson.chapters import labels
from assets import measure

LINES = [json.loads(line) for line in measure.FILE.read_text("utf-8").splitlines()]


def test_every_group_is_there_with_ten_seeds_and_nothing_else():
    found = sorted((json.dumps(line["settings"]), line["seed"]) for line in LINES)
    assert found == sorted((json.dumps(settings), seed) for settings in measure.wanted() for seed in range(10))


def test_a_line_holds_settings_seed_and_the_matrices_of_all_its_tasks():
    for line in LINES:
        assert set(line) == {"settings", "seed", "R", "R_aware"}
        n_tasks = 10 // line["settings"].get("classes_per_task", 2)
        for matrix in (line["R"], line["R_aware"]):
            assert [len(row) for row in matrix] == list(range(1, n_tasks + 1))
            assert all(0 <= share <= 1 for row in matrix for share in row)


@pytest.mark.parametrize("settings, seed", [({"n_end": 10}, 2), ({"strategy": "accuacl", "lambda": 0.0}, 1)])
def test_the_engine_finds_the_same_again(settings, seed):
    assert measure.measured(settings, seed) in LINES


def test_equal_steps_are_as_many_as_whole_epochs_allow():
    for learner in labels.LEARNERS:
        for (few, epochs), wanted in zip(labels.GROUPS.values(), measure.LABELS, strict=True):
            config = measure.config_of({"learner": learner, **few, "epochs": epochs}, 0)
            assert measure.with_equal_steps(wanted) == {**wanted, "epochs": epochs}
            pool = measure.prepare(config).tasks
            steps = {training_steps(config, measure.budget(config, task)) for task in pool}
            assert steps == ({144} if few == {"strategy": "full"} else {150})


def test_groups_that_are_there_are_not_measured_again(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "FILE", tmp_path / "lesson" / "runs.jsonl")
    monkeypatch.setattr(measure, "wanted", lambda: [{"n_end": 10}, {"memory": 0}])
    monkeypatch.setattr(measure, "SEEDS", range(2))
    done: list[tuple[dict[str, int], int]] = []
    monkeypatch.setattr(measure, "measured", lambda settings, seed: done.append((settings, seed)) or _line(*done[-1]))
    measure.main()
    assert len(done) == 4
    lines = measure.FILE.read_text("utf-8").splitlines(keepends=True)
    measure.FILE.write_text("".join(lines[:2]), "utf-8")
    del done[:]
    measure.main()
    assert done == [({"memory": 0}, 0), ({"memory": 0}, 1)]
    assert measure.FILE.read_text("utf-8") == "".join(lines)


def _line(settings: dict[str, int], seed: int) -> dict[str, object]:
    return {"settings": settings, "seed": seed, "R": [], "R_aware": []}
