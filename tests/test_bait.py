"""BAIT against dense matrices of (C·d)² and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch

from acl.config import UserError, make_config
from acl.plugins.registry import build
from acl.selection.bait_fisher import roots, top_probabilities
from acl.selection.bait_inverse import ClassForm, GramForm
from acl.selection.query import QueryContext, Samples
from acl.strategies import bait
from acl.strategies.bait import OVERSAMPLE, RIDGE, Bait, Estimate, State, estimate, start
from tests.contexts import empty, make_context, with_duplicates


def dense_fisher(h: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(diag p − ppᵀ) ⊗ hhᵀ, as written."""
    p = p / p.sum()
    return np.kron(np.diag(p) - np.outer(p, p), np.outer(h, h))


def fishers(samples: Samples) -> list[np.ndarray]:
    rows = zip(samples.h.double().numpy(), samples.p.double().numpy(), strict=True)
    return [dense_fisher(h, p) for h, p in rows]


class Dense:
    """The definition, with every matrix built and every trace taken anew."""

    def __init__(self, context: QueryContext) -> None:
        pool, labelled = fishers(context.pool), fishers(context.labelled)
        n, n_labelled = context.n, len(labelled)
        self.target = sum(pool + labelled) / len(pool + labelled)
        self.start = RIDGE * np.eye(len(self.target))
        if labelled:
            self.start += n_labelled / (n_labelled + n) * sum(labelled) / n_labelled
        self.candidates = [n / (n_labelled + n) * fisher for fisher in pool]

    def inverse(self, picked: list[int]) -> np.ndarray:
        return np.linalg.inv(self.start + sum(self.candidates[y] for y in picked))

    def trace(self, picked: list[int]) -> float:
        return float(np.trace(self.inverse(picked) @ self.target))

    def select(self, n: int) -> list[int]:
        picked: list[int] = []
        everyone = range(len(self.candidates))
        while len(picked) < min(OVERSAMPLE * n, len(everyone)):
            picked.append(min((y for y in everyone if y not in picked), key=lambda y: self.trace([*picked, y])))
        while len(picked) > n:
            picked.remove(min(picked, key=lambda y: self.trace([x for x in picked if x != y])))
        return picked


@pytest.fixture(params=[ClassForm, GramForm])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type:
    """Both forms of the inverse, whichever is the smaller."""
    for name in ("ClassForm", "GramForm"):
        monkeypatch.setattr(bait, name, request.param)
    return request.param


def check(state: State, dense: Dense, picked: list[int], candidates: list[int]) -> None:
    """A, AFA (or V A Vᵀ), and the gain of `candidates` (rows of `state`) against the dense matrices."""
    inverse = dense.inverse(picked)
    side = len(inverse)
    if isinstance(state.space, ClassForm):
        afa = inverse @ dense.target @ inverse
        np.testing.assert_allclose(state.space.a.reshape(side, side), inverse, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(state.space.afa.reshape(side, side), afa, rtol=1e-6, atol=1e-6)
    gain = [dense.trace(picked) - dense.trace([*picked, y]) for y in candidates]
    np.testing.assert_allclose(state.gain(), gain, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("labelled", [0, 8])
@pytest.mark.parametrize("scale", [1, 4])
def test_updates_are_those_of_dense_inverses(form: type, labelled: int, scale: float) -> None:
    context = make_context(1, pool=12, labelled=labelled, dim=4, n_classes=3, scale=scale)
    state, dense, everyone = start(context, None), Dense(context), list(range(12))
    assert isinstance(state.space, form)
    check(state, dense, [], everyone)
    for picked in ([3], [3, 7], [3, 7, 0]):
        state.change(picked[-1], 1)
        check(state, dense, picked, everyone)
    loss = [dense.trace([x for x in picked if x != y]) - dense.trace(picked) for y in picked]
    np.testing.assert_allclose(state.take(picked).loss(), loss, rtol=1e-5)
    state.change(7, -1)
    check(state, dense, [3, 0], everyone)
    check(state.take([5, 2]), dense, [3, 0], [5, 2])


def test_gram_is_that_of_the_built_rows() -> None:
    context = make_context(1, n_classes=5)
    p = top_probabilities(context.pool, 3)
    rows = roots(context.pool.h.double(), p, 3)
    built = torch.zeros(len(p), 3, 5, 6, dtype=torch.float64)
    for x in range(len(p)):
        for k, c in enumerate(rows.top[x].tolist()):
            built[x, :, c] = rows.root[x, :, k, None] * rows.h[x]
    built = built.reshape(len(p) * 3, 30)
    torch.testing.assert_close(rows.gram(), built @ built.T)


@pytest.mark.parametrize("seed", range(12))
def test_picks_are_those_of_brute_force(form: type, seed: int) -> None:
    n, labelled = (1, 3, 4, 9)[seed % 4], (0, 6)[seed % 2]
    context = make_context(seed, pool=14, labelled=labelled, dim=3, n_classes=3, scale=(1, 3, 8)[seed % 3], n=n)
    assert Bait().select(context).ids.tolist() == context.pool.ids[Dense(context).select(n)].tolist()


def test_scores_are_the_first_gains() -> None:
    context = make_context(2, dim=3, n_classes=3)
    dense = Dense(context)
    gain = [dense.trace([]) - dense.trace([y]) for y in range(len(context.pool))]
    np.testing.assert_allclose(Bait().select(context).scores["gain"], gain, rtol=1e-8, atol=1e-10)


def test_duplicates_tie_and_the_lower_id_stays(form: type) -> None:
    context = with_duplicates(make_context(3, pool=40, dim=5), copies=4)
    selection = Bait().select(context)
    gain = selection.scores["gain"].reshape(4, 10)
    assert torch.equal(gain, gain[:1].expand(4, 10))
    position = {int(i): place for place, i in enumerate(context.pool.ids)}
    picked = {position[int(i)] for i in selection.ids}
    assert all(place < 10 or place - 10 in picked for place in picked)


@pytest.mark.parametrize("top_classes", [4, 5, 100])
def test_top_classes_of_all_classes_is_exact(top_classes: int) -> None:
    context = make_context(4)
    exact, same = Bait().select(context), Bait(top_classes).select(context)
    assert torch.equal(exact.ids, same.ids) and torch.equal(exact.scores["gain"], same.scores["gain"])


def test_top_classes_is_bait_of_the_truncated_probabilities(form: type) -> None:
    context = make_context(5, n_classes=6, scale=1)
    expected = {}
    for role in ("pool", "labelled"):
        samples = getattr(context, role)
        p = samples.p.double().numpy().copy()
        for row in p:
            row[np.argsort(-row, kind="stable")[3:]] = 0
            row /= row.sum()
        expected[role] = p
        np.testing.assert_allclose(top_probabilities(samples, 3), p, rtol=1e-12)
    truncated = replace(
        context,
        **{role: replace(getattr(context, role), p=torch.from_numpy(p)) for role, p in expected.items()},
    )
    assert Bait(3).select(context).ids.tolist() == Bait().select(truncated).ids.tolist()
    assert Bait(3).select(context).ids.tolist() == truncated.pool.ids[Dense(truncated).select(context.n)].tolist()


def test_classes_nobody_may_be_cost_nothing() -> None:
    context = make_context(6, n_classes=3)
    wider = replace(
        context,
        classes=tuple(range(5)),
        n_classes=5,
        **{
            role: Samples(samples.ids, samples.h, torch.cat([samples.p, torch.zeros(len(samples), 2)], 1))
            for role, samples in context.roles().items()
        },
    )
    assert torch.equal(Bait().select(wider).ids, Bait().select(context).ids)
    assert estimate(wider).bytes == pytest.approx(estimate(context).bytes, rel=0.01)


def memory_of(monkeypatch: pytest.MonkeyPatch, available: float) -> None:
    real = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=int(available)))


def test_refuses_what_does_not_fit_and_says_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_context(7, pool=3000, n_classes=40, dim=2)
    exact, fits = estimate(context), estimate(context, 10)
    assert isinstance(exact, Estimate) and exact.flops > fits.flops > 0
    memory_of(monkeypatch, fits.bytes * 1.3)
    with pytest.raises(UserError, match=r"needs 0\.\d GB for 3000 samples, 40 classes and 2 dim.*top_classes to 10 "):
        Bait().select(context)
    memory_of(monkeypatch, 1000)
    with pytest.raises(UserError, match="use fewer dimensions, or another strategy"):
        Bait().select(context)


def test_refuses_features_that_float64_cannot_hold() -> None:
    context = make_context(8)
    huge = replace(context, pool=replace(context.pool, h=context.pool.h * 100))
    with pytest.raises(UserError, match="scale the features down"):
        Bait().select(huge)


def test_stays_accurate_up_to_the_strength_it_accepts(form: type) -> None:
    context = make_context(9, pool=10, labelled=0, dim=3, n_classes=3, scale=1, n=4)
    strong = replace(context, pool=replace(context.pool, h=context.pool.h * 9))
    assert Bait().select(strong).ids.tolist() == strong.pool.ids[Dense(strong).select(4)].tolist()


def test_the_smaller_form_is_taken_and_its_memory_estimated() -> None:
    context = make_context(9, pool=50, n_classes=30, dim=20)
    few, rows = start(context, 2), 58 * 2
    assert isinstance(few.space, GramForm) and few.space.gram.shape == (rows, rows)
    assert isinstance(start(context, None).space, ClassForm)
    assert estimate(context, 2).bytes < estimate(context, 15).bytes < estimate(context).bytes


def test_does_not_look_at_the_memory() -> None:
    context = make_context(10)
    assert torch.equal(Bait().select(context).ids, Bait().select(replace(context, memory=empty())).ids)


def test_top_classes_is_a_setting() -> None:
    assert make_config({"top_classes": "exact"}).top_classes is None
    assert make_config({"top_classes": "None"}).top_classes is None
    assert build("strategies", "bait", make_config({"top_classes": "5"})) == Bait(5)
    with pytest.raises(UserError, match="top_classes"):
        make_config({"top_classes": 1})
