"""Scores that rank nothing are said, and what is said is true of the picks."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from acl.cli import main
from acl.config import FULL, RunConfig
from acl.plugins.asking import ask
from acl.plugins.registry import choices, plugin
from acl.selection.query import QueryContext, Samples
from acl.selection.ties import remarks
from tests.contexts import make_context, with_duplicates

CERTAIN = make_context(1, scale=1e4)
PLAIN = make_context(2)
ORTHOGONAL = replace(PLAIN, pool=Samples(torch.arange(6), torch.eye(6), torch.full((6, 4), 0.25)), n=3)
CONTEXTS = {
    "plain": PLAIN,
    "certain": CERTAIN,
    "alike": with_duplicates(make_context(3), 30),
    "alike and certain": with_duplicates(make_context(4, scale=1e4), 30),
    "no features": replace(PLAIN, pool=replace(PLAIN.pool, h=PLAIN.pool.h * 0)),
    "one class": replace(
        make_context(5, n_classes=1, memory=0), pool=replace(make_context(5, n_classes=1).pool, p=torch.ones(30, 1))
    ),
    "even": replace(PLAIN, pool=replace(PLAIN.pool, p=torch.full_like(PLAIN.pool.p, 0.25))),
    "orthogonal": ORTHOGONAL,
    "a pick": replace(with_duplicates(make_context(6), 30), n=1),
    "the whole pool": replace(with_duplicates(make_context(7), 30), n=30),
}
NO_FISHER = (
    "Every sample has magnitude 0, no Fisher information where the target looks, and the same distribution score: "
    "nothing ranks them, and the lowest ids were picked."
)
STRATEGIES = [name for name in choices("strategies") if name != FULL]


def said_of(name: str, context: QueryContext, oversample: float = 2.0) -> tuple[list[int], list[str]]:
    config = RunConfig(oversample=oversample)
    selection = ask(name, config, context)
    scores = {score: values.numpy() for score, values in selection.scores.items()}
    return selection.ids.tolist(), remarks(plugin("strategies", name).picks, scores, context.n, oversample)


@pytest.mark.parametrize("oversample", [1.0, 2.0, 100.0])
@pytest.mark.parametrize("case", CONTEXTS)
@pytest.mark.parametrize("name", STRATEGIES)
def test_what_is_said_is_true(name, case, oversample):
    context = CONTEXTS[case]
    ids, said = said_of(name, context, oversample)
    pool = context.pool.ids.tolist()
    for sentence in said:
        if "lowest ids were picked" in sentence or "lowest id was picked" in sentence:
            among = pool
            if found := re.search(r"of the (\d+) candidates", sentence):
                scores = ask(name, RunConfig(), context).scores["distribution"]
                among = sorted(sorted(pool, key=lambda i: (-float(scores[pool.index(i)]), i))[: int(found[1])])
            assert sorted(ids) == among[: context.n]
        elif found := re.search(r"the candidates are the (\d+) lowest ids", sentence):
            assert set(ids) <= set(pool[: int(found[1])])
        elif "the first pick is the lowest id" in sentence:
            assert ids[0] == pool[0]
        else:
            assert "but for rounding" in sentence
    if case == "plain":
        assert not said


@pytest.mark.parametrize(
    ("name", "case", "sentence"),
    [
        ("accuacl", "alike and certain", NO_FISHER),
        ("accuacl", "no features", NO_FISHER),
        ("entropy", "even", "Every sample has the same entropy (1.39): it ranks nothing, and the lowest ids were pick"),
        ("entropy", "alike and certain", "Every sample has the same entropy (0): it ranks nothing, and the lowest ids"),
        ("entropy", "a pick", "it ranks nothing, and the lowest id was picked."),
        ("bait", "one class", "Every sample has the same gain (0): it ranks nothing, and the lowest ids were picked."),
        ("badge", "one class", "Every sample has the same gradient norm (0): it ranks nothing, and the lowest ids"),
        ("badge", "orthogonal", "the first pick is the lowest id, and each next one was drawn by its distance"),
        ("kcenter", "no features", "Every sample has the same distance"),
    ],
)  # fmt: skip
def test_scores_without_information_are_said(name, case, sentence):
    _, said = said_of(name, CONTEXTS[case])
    assert len(said) == 1 and sentence in said[0]


def test_one_of_accuacls_two_alone():
    rng = np.random.default_rng(0)
    varied, flat = rng.random(20), np.full(20, 0.5)
    only_m = remarks("", {"magnitude": flat, "distribution": varied}, 3, 2.0)
    assert only_m == [
        "Every sample has the same magnitude: of the 6 candidates by distribution score the lowest ids were picked."
    ]
    only_d = remarks("", {"magnitude": varied, "distribution": flat}, 3, 2.0)
    assert only_d == [
        "Every sample has the same distribution score: the candidates are the 6 lowest ids, and magnitude decided only "
        "among them."
    ]
    # Where the candidates are all, D takes no part; where they are as many as the picks, M takes none.
    assert remarks("", {"magnitude": varied, "distribution": flat}, 3, 50.0) == []
    assert remarks("", {"magnitude": flat, "distribution": varied}, 3, 1.0) == []
    assert "it ranks nothing" in remarks("", {"magnitude": varied, "distribution": flat}, 3, 1.0)[0]


def test_scores_of_others():
    flat, varied = np.full(20, 2.0), np.arange(20.0)
    assert remarks("", {"margin_of_two": flat, "other": varied}, 3, 2.0) == [
        "Every sample has the same margin of two (2): it tells nothing about these picks."
    ]
    near = remarks("", {"margin": 1 + np.arange(20) * 1e-16}, 3, 2.0)
    assert near == ["Every sample has the same margin but for rounding: it tells nothing about these picks."]
    assert remarks("", {"margin": flat * np.nan}, 3, 2.0) == ["No sample has a score called margin."]
    assert remarks("", {"margin": np.where(varied > 3, varied, np.nan)}, 3, 2.0) == []
    assert remarks("", {}, 3, 2.0) == []


def test_select_says_so_beside_its_answer(tmp_path, capsys):
    path = tmp_path / "query.safetensors"
    CONTEXTS["alike and certain"].save(path)
    assert main(["select", str(path)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("acl: Every sample has magnitude 0") and said.err.count("\n") == 1
    assert json.loads(said.out)["ids"] == CONTEXTS["alike and certain"].pool.ids[:5].tolist()
    PLAIN.save(path)
    assert main(["select", str(path)]) == 0 and capsys.readouterr().err == ""
