"""What is a label worth?: planted worth comes back, noise and losses do not pass, and the page shows what passed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import acl
from acl.analysis.outcomes import divided, record
from acl.analysis.outcomes.asked import Outcome
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.scores import Scorer
from acl.analysis.outcomes.worth import BAR, MOST_POOL, Worth, membership, sentence, sets_wanted, worth
from acl.cli.entry import main
from acl.results import worth as in_a_notebook
from acl.runs.folder import Run
from acl.service import measurer
from acl.service.measurer import Measurer
from app.inspection import worth as shown
from app.inspection.panels.outcomes import asked
from tests.test_outcomes_page import AT, made, opened, run, said  # noqa: F401  fixtures

POOL, N = 60, 6


def drawn(seed: int, sets: int = 4 * POOL) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """Members of blind sets, and class and loss of each sample."""
    random = np.random.default_rng(seed)
    members = membership([random.permutation(POOL)[:N].tolist() for _ in range(sets)], range(POOL))
    return members, random.integers(3, size=POOL), random.gamma(1.0, size=POOL), random


@pytest.mark.parametrize("seed", range(3))
def test_planted_worth_comes_back_beside_that_of_its_class(seed):
    members, classes, losses, random = drawn(seed)
    planted = random.normal(size=POOL)
    values = members @ (planted + 2.0 * classes)
    found = worth(members, 40 + values + 0.2 * values.std() * random.normal(size=len(values)), classes, losses)
    beside = planted - np.array([planted[classes == c].mean() for c in classes])
    assert spearmanr(found.weights, beside).statistic > 0.9
    assert found.is_told and found.r2 > 0.8 and found.agreement > 0.7 and found.loss_r2 < 0.1
    assert "is not shown" not in sentence("new", found) and f"R² {found.r2:.2f}" in sentence("new", found)
    # In the unit of the outcomes: one more of a sample is so much more.
    assert np.polyfit(beside, found.weights, 1)[0] == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("seed", range(10))
def test_noise_never_passes(seed):
    members, classes, losses, random = drawn(seed)
    found = worth(members, random.normal(size=len(members)), classes, losses)
    assert not found.is_told and found.r2 < BAR and found.agreement < BAR
    assert f"held out with R² {found.r2:.2f}".replace("-", "−") in sentence("past", found)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_what_the_loss_alone_says_is_refused(noise):
    members, classes, losses, random = drawn(1)
    values = -3.0 * (members @ losses)
    found = worth(members, values + noise * values.std() * random.normal(size=len(values)), classes, losses)
    assert found.r2 >= BAR and found.agreement >= BAR and not found.is_told
    assert sentence("new", found) == (
        "Worth for the new is not shown: the loss of the true label alone predicts as well "
        f"(R² {found.loss_r2:.2f}, the samples {found.r2:.2f})."
    )


def test_outcomes_that_are_all_equal_say_nothing():
    members, classes, losses, _ = drawn(0)
    found = worth(members, np.full(len(members), 0.3), classes, losses)
    assert not found.is_told and "came out all the same" in sentence("new", found)


@pytest.mark.parametrize(
    ("r2", "agreement", "loss", "missed"),
    [(0.5, 0.5, 0.49, 0), (0.49, 0.5, 0.2, 1), (0.5, 0.49, 0.2, 1), (0.2, 0.1, 0.3, 2), (0.6, 0.2, 0.6, 2),
     (0.9, float("nan"), 0.1, 1)],
)  # fmt: skip
def test_each_bar_that_is_missed_is_named(r2, agreement, loss, missed):
    found = Worth(240, r2, agreement, loss, np.zeros(POOL))
    text = sentence("new", found)
    assert found.is_told == (missed == 0) and text.count("is needed") + text.count("as well") == missed


def test_the_ridge_is_that_of_the_normal_equations():
    """Against the solution by hand at the penalty that was found."""
    from acl.analysis.outcomes.worth import PENALTIES

    members, classes, losses, random = drawn(4)
    values = members @ random.normal(size=POOL) + random.normal(size=len(members))
    x = np.hstack([members, np.stack([(members & (classes == c)).sum(1) for c in range(3)], 1)]).astype(float)
    x, y = x - x.mean(0), values - values.mean()
    by_hand = [np.linalg.solve(x.T @ x + a * np.eye(x.shape[1]), x.T @ y)[:POOL] for a in PENALTIES]
    found = worth(members, values, classes, losses).weights
    assert min(np.abs(found - each).max() for each in by_hand) < 1e-8


# -- in a notebook and on the command line -------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(in_a_notebook, "sets_wanted", lambda pool: 24)


def test_a_notebook_is_given_what_the_page_shows(run, few):  # noqa: F811
    found = acl.worth(run, "2.2")
    query = Query.of(run, AT)
    pool = query.pool.tolist()
    assert sorted(found.table["id"]) == pool and list(found.table) == ["id", "true", "new", "past"]
    assert [text[:18] for text in found.sentences] == ["Worth for the new ", "Worth for the past"]
    labels = {i: int(query.loop.stream.labels[i]) for i in pool}
    kept = record.load(run, AT, run.path.parent)
    again = divided.divided(divided.blind(kept, AT[0], pool), query.context, labels)
    assert {part: each.sets for part, each in again.items()} == {part: each.sets for part, each in found.parts.items()}
    for part, each in again.items():
        np.testing.assert_array_equal(each.weights, found.parts[part].weights)
        assert found.table[part].isna().all() != each.is_told


def test_the_table_begins_with_what_is_worth_most_and_leaves_out_what_is_not_told(run, few, monkeypatch):  # noqa: F811
    pool = Query.of(run, AT).pool.tolist()
    weights = np.random.default_rng(0).normal(size=len(pool))
    told, untold = Worth(24, 0.8, 0.7, 0.1, weights), Worth(24, 0.2, 0.1, 0.1, weights)
    monkeypatch.setattr(in_a_notebook, "divided", lambda *_: {"new": told, "past": untold})
    found = acl.worth(run, "2.2")
    assert found.table["id"].tolist() == [pool[i] for i in np.argsort(-weights)] and found.table["past"].isna().all()
    text = in_a_notebook.worth_table(AT, found)
    best = found.table.iloc[0]
    assert f"| {best['id']:.0f} | {best['true']:.0f} | {best['new']:+.2f} |" in text and "| past |" not in text


def test_the_command_line_prints_it(run, few, capsys):  # noqa: F811
    line = ["outcomes", str(run.path), "--at", "2.2", "--subsets", "6", "--strategies", "none", "--sizes", "1"]
    assert main([*line, "--worth", "--quiet"]) == 0
    out = capsys.readouterr().out.strip().splitlines()
    assert out[0].startswith("Query 2.2. Worth for the new") and json.loads(out[-1])["queries"] == ["2.2"]


def test_what_cannot_be_asked_is_one_sentence(run, monkeypatch):  # noqa: F811
    with pytest.raises(acl.UserError, match="9.9"):
        acl.worth(run, "9.9")
    monkeypatch.setattr(divided, "MOST_POOL", 5)
    with pytest.raises(acl.UserError, match="pools of up to 5 samples"):
        acl.worth(run, "2.2")


# -- on the page ---------------------------------------------------------------------------------------


def planted(run: Run, sets: int) -> np.ndarray:  # noqa: F811
    """Random sets in the record of the run whose new is a sum of planted worth, whose past is noise."""
    query, random = Query.of(run, AT), np.random.default_rng(0)
    pool = query.pool.tolist()
    value = random.normal(size=len(pool))
    rows = [random.permutation(len(pool))[: query.n] for _ in range(sets)]
    record.beside(run, AT).unlink()
    outcomes = []
    for number, row in enumerate(rows, 1):
        new, past = 0.5 + 0.01 * value[row].sum(), 0.5 + 0.01 * random.normal()
        ids = tuple(pool[i] for i in row)
        outcomes.append(Outcome("random", str(number), ids, 0, "round", *(((past, new),) * 3)))
    record.append(run, AT, run.path.parent, outcomes)
    return value


def test_what_passed_is_a_colour_and_stands_on_the_card_and_what_did_not_is_one_sentence(run):  # noqa: F811
    pool = Query.of(run, AT).pool.tolist()
    value = planted(run, sets_wanted(len(pool)))
    best = pool[int(value.argmax())]
    test = opened(run, **{f"opened-{run.id}-2-2": best})
    text = said(test)
    assert "Worth for the new: it predicts" in text and "Worth for the past is not shown" in text
    menu = test.selectbox(key="inspect-colour")
    assert "worth for the new" in menu.options and "worth for the past" not in menu.options
    menu.set_value("worth_new").run()
    assert not test.exception and test.query_params["colour"] == "worth_new"
    assert "Worth for the new +" in said(test) and "worth for the past" not in said(test)
    assert test.button(key="outcome-worth").disabled
    # What is hidden is in no picture: without the true classes there is no worth.
    hidden = opened(run, **{"hide-true-classes": True})
    assert "worth for the new" not in hidden.selectbox(key="inspect-colour").options
    assert "not known here" in hidden.button(key="outcome-worth").help


def test_fewer_sets_than_it_takes_show_nothing(run):  # noqa: F811
    pool = Query.of(run, AT).pool.tolist()
    planted(run, sets_wanted(len(pool)) - 1)
    test = opened(run)
    assert "Worth for" not in said(test) and not test.button(key="outcome-worth").disabled
    assert "worth for the new" not in test.selectbox(key="inspect-colour").options


def test_the_second_press_is_offered_after_the_first_and_measures_what_is_missing(run, runs, monkeypatch):  # noqa: F811
    assert "outcome-worth" not in {button.key for button in opened(run).button}
    monkeypatch.setitem(asked.PLANS, "measure", replace(asked.PLANS["measure"], subsets=24))
    monkeypatch.setattr(asked, "sets_wanted", lambda pool: 30)
    monkeypatch.setattr(shown, "sets_wanted", lambda pool: 30)
    test = opened(run)
    test.button(key="outcome-worth").click().run()
    assert len(measurer.asked(runs)) == 1 and test.button(key="outcome-worth").disabled
    # Whoever comes back meets it under way.
    assert any(button.label == "Cancel" for button in opened(run).button)
    work = Measurer(runs)
    while work.step():
        pass
    test.run()
    assert not test.exception and not measurer.asked(runs)
    lines = [json.loads(line) for line in record.beside(run, AT).read_text().splitlines()]
    assert sum(line["kind"] == "random" and len(line["ids"]) == 4 for line in lines) == 30
    assert "Worth for the new" in said(test) and "Worth for the past" in said(test)


def test_a_pool_that_is_too_large_says_so_and_other_horizons_have_none(run, monkeypatch):  # noqa: F811
    monkeypatch.setitem(asked.PLANS, "measure", replace(asked.PLANS["measure"], subsets=24))
    monkeypatch.setattr(divided, "MOST_POOL", 3)
    button = opened(run).button(key="outcome-worth")
    assert button.disabled and "up to 3 samples" in button.help.replace("\\", "") and MOST_POOL == 1_000
    later = opened(run, **{"outcome-horizon": "budget"})
    assert "outcome-worth" not in {button.key for button in later.button}


def test_losses_are_those_of_the_scores(run):  # noqa: F811
    from acl.analysis.outcomes.scores import columns, losses

    query = Query.of(run, AT)
    labels = dict(zip(query.pool.tolist(), query.true_labels.tolist(), strict=True))
    classes = columns(query.context.pool, labels, query.context.classes)
    here = losses(query.context.pool, classes)
    assert torch.equal(here, Scorer.of(query).of_samples["loss"])
    p = query.context.pool.p.double()
    assert float(here[3]) == pytest.approx(-float(p[3, classes[3]].log()))
