"""Chapter 4: what it ships is what the engine measures; its sentences follow the figures; no link is believed."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch.nn.functional import cross_entropy

from acl.analysis.outcomes.candidates import Candidates
from acl.config import UserError
from acl.metrics import Matrix
from acl.plugins.asking import ask
from acl.service import measurer
from acl.service.measurer import Measurer
from app.charts import choice as charts
from app.charts.ends import told
from app.lesson.chapters import choice as chapter
from app.lesson.choosing import live, said
from app.lesson.choosing.pairs import pairs_html
from app.lesson.choosing.shipped import FILE, TRAITS, Shipped, shipped
from assets import choice as script
from tests.tools import every_page_looks_into

ONE_DIGIT = 0.01
"""What one of about a hundred test digits makes: on another processor one may get another name."""


@pytest.fixture(scope="module")
def found() -> Candidates:
    return Candidates(script.query(), script.SIZE)


@pytest.fixture(scope="module")
def lines() -> list[dict]:
    return [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


# -- what is shipped -----------------------------------------------------------------------------------


def test_the_sets_measured_again_give_the_figures_that_are_shipped(found, lines):
    everything = script.now(found)
    ours = [line for line in lines if line.get("horizon") == "round"]
    assert [(s.kind, s.name, list(s.ids)) for s in everything] == [(x["kind"], x["name"], x["ids"]) for x in ours]
    few = [0, 3, 4, 120, 203, 204, 230, len(everything) - 1]
    again = script.measure(found.query, [everything[k] for k in few], "round")
    for k, line in zip(few, again, strict=True):
        assert line["accuracy"] == [pytest.approx(row, abs=ONE_DIGIT) for row in ours[k]["accuracy"]]
        assert line["likelihood"] == [pytest.approx(row, abs=1e-4) for row in ours[k]["likelihood"]]


def test_after_the_next_task_too(found, lines, monkeypatch):
    ours = [line for line in lines if line.get("horizon") == "next"]
    sets = script.later(found)
    assert [list(s.ids) for s in sets] == [line["ids"] for line in ours]
    monkeypatch.setattr(script, "REPEATS", 1)
    again = script.measure(found.query, [sets[1]], "next")[0]
    assert again["accuracy"][0] == pytest.approx(ours[1]["accuracy"][0], abs=ONE_DIGIT)


def test_strategies_choose_among_the_candidates_alone_and_blind_sets_begin_alike(found):
    ids = set(found.ids.tolist())
    pool = found.query.pool.tolist()
    assert len(ids) == script.SIZE < len(pool) and ids < set(pool)
    assert {found.query.loop.stream.labels[i] for i in ids} == set(found.query.loop.current.classes)
    for strategy in script.STRATEGIES:
        assert set(found.chosen(strategy).ids) < ids
    alone = replace(found.query.context, n=found.query.n)
    assert set(ask("entropy", found.query.loop.config, alone).ids.tolist()) != set(found.chosen("entropy").ids)
    for number in (1, 7):
        sets = [set(found.blind(number, size).ids) for size in (0, 2, 8, 10)]
        assert all(a < b for a, b in zip(sets, sets[1:], strict=False)) and sets[-1] < ids
    assert found.blind(1, 10) != found.blind(2, 10)


def test_each_candidate_is_judged_as_a_slow_reference_does(lines):
    found = Candidates(script.query(), script.SIZE)
    judged = {each.id: each for each in found.judged}
    loop, memory = found.query.loop, found.query.loop.memory
    assert memory.ids.tolist() == found.query.context.memory.ids.tolist()
    shipped_ = {line["id"]: line for line in lines if "label" in line}
    assert shipped_.keys() == judged.keys()

    def seen(id_: int) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            h, logits = loop.model(loop.images.batch(torch.tensor([id_])))
        return h[0], logits

    def gradient(id_: int, label: int) -> torch.Tensor:
        h, _ = seen(id_)
        weight, bias = (
            value.detach().clone().requires_grad_() for value in (loop.model.head.weight, loop.model.head.bias)
        )
        loss = cross_entropy((weight @ h + bias)[None], torch.tensor([label]))
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [weight, bias])])

    old = [gradient(int(i), int(y)) for i, y in zip(memory.ids, memory.labels, strict=True)]
    for id_ in list(judged)[::12]:
        one, (h, logits) = judged[id_], seen(id_)
        label = int(loop.stream.labels[id_])
        apart = {int(i): math.dist(h.tolist(), seen(int(i))[0].tolist()) for i in memory.ids}
        assert (one.label, one.nearest) == (label, min(apart, key=lambda i: apart[i]))
        assert one.distance == pytest.approx(min(apart.values()), rel=1e-6)
        assert one.loss == pytest.approx(float(cross_entropy(logits, torch.tensor([label]))), rel=1e-6)
        mean = sum(float(gradient(id_, label) @ g) for g in old) / len(old)
        assert one.product == pytest.approx(mean, rel=1e-6, abs=1e-12)
        assert [shipped_[id_][name] for name in TRAITS] == [pytest.approx(getattr(one, n), abs=1e-4) for n in TRAITS]


def test_the_file_is_read_as_it_was_written(lines):
    found = shipped()
    assert (found.n, len(found.candidates), len(found.blind())) == (10, script.SIZE, script.BLIND)
    assert found.names == list(script.STRATEGIES) and list(found.sizes()["n"]) == [*script.FEWER, 10]
    line = next(line for line in lines if line.get("name") == "badge" and line["horizon"] == "round")
    row = found.strategies().set_index("name").loc["badge"]
    task = found.at[0]
    assert row["new"] == pytest.approx(100 * sum(r[task - 1] for r in line["likelihood"]) / 3)
    assert row["known"] == pytest.approx(100 * sum(r[task - 1] for r in line["accuracy"]) / 3)
    assert row["past"] == pytest.approx(100 * sum(sum(r[: task - 1]) / (task - 1) for r in line["likelihood"]) / 3)
    assert found.traits(line["ids"])["loss"] == pytest.approx(row["loss"])


# -- sentences on planted figures ----------------------------------------------------------------------


def planted(product: float = -1.0) -> Shipped:
    """Ten blind sets of one sample each, with new, past and traits 0, 10, … 90; three strategies."""
    rows = [("random", str(k), (k,), 10.0 * k, 10.0 * k) for k in range(10)]
    rows += [("strategy", "entropy", (20,), 95.0, -5.0), ("strategy", "uniform", (4,), 45.0, 45.0),
             ("strategy", "accuacl", (21,), -5.0, 95.0)]  # fmt: skip
    values = {**{k: 10.0 * k for k in range(10)}, 20: 95.0, 21: -5.0}
    candidates = pd.DataFrame(
        {
            "label": 6,
            "loss": values,
            "distance": {i: -v for i, v in values.items()},
            "product": dict.fromkeys(values, product),
        }
    )
    sets = pd.DataFrame(rows, columns=["kind", "name", "ids", "new", "past"]).assign(
        n=1, known=lambda rows: rows["new"]
    )
    traits = [candidates.loc[list(ids), list(TRAITS)].mean() for ids in sets["ids"]]
    both = [pd.concat([sets, pd.DataFrame(traits)], axis=1).assign(horizon=h) for h in ("round", "next")]
    return replace(shipped(), n=1, candidates=candidates, sets=pd.concat(both, ignore_index=True))


def test_what_ten_did_is_said_as_shares_of_blind_choices():
    text = said.effect(planted(), (35.0, 95.0))
    assert text == (
        "**Your ten teach more of the new than 40 % of 10 blind choices do, and keep more of the old than all**: the "
        "network is now 35.0 % sure of a new digit's true name, and 95.0 % of an old one's. Of the strategies' tens, "
        "Entropy's teach most of the new (more than all), AccuACL's keep most of the old (more than all)."
    )
    assert (said.share(99.8), said.share(0.2), said.share(100.0), said.share(0.0)) == ("99 %", "1 %", "all", "none")
    assert said.percentile(2, [1, 2, 2, 3]) == 50


def test_why_says_what_is_unusual_and_calls_the_rest_noise():
    assert said.why(planted(), "entropy", (20,)) == (
        "Entropy's ten, against 10 blind choices: **harder for the network (higher loss) than all and nearer to the "
        "memory than all**; within noise: less against the memory than 50 %. They are 1 of the 12 pictures of a 6. "
        "All 12 digits work against the memory."
    )
    usual = said.why(planted(2.0), said.YOURS, (4,))
    assert "**" not in usual and usual.startswith("Your ten, against 10 blind choices: within noise: ")
    assert usual.endswith("None of the 12 digits works against the memory.")
    assert said.why(planted(), "accuacl", (21,)).startswith(
        "AccuACL's ten, against 10 blind choices: **easier for the network (lower loss) than all and farther from"
    )


def test_one_task_later_says_who_is_beyond_noise():
    text = said.later(planted())
    assert "what Entropy (95.0 %) chose is known **longer**" in text
    assert "what AccuACL (−5.0 %) chose is known **less long**" in text and "Uniform (45.0 %): within noise" in text


def test_the_idea_and_the_stream_follow_the_runs_whichever_way_they_come_out():
    few = [x / 1e5 for x in (3, -1, 2, -4, 0, 1, -2, 4, -3, 0)]

    def runs(learned: float, kept: float, noise: float = 1.0) -> dict[int, Matrix]:
        return {seed: [[learned + noise * x], [kept - 3 * noise * x, learned]] for seed, x in enumerate(few)}

    better, worse = runs(0.9, 0.5), runs(0.8, 0.7, -1.0)
    up, down = {"entropy": better, "uniform": worse}, {"entropy": worse, "uniform": better}
    assert said.in_one_task(up) == (
        "All ten digits in one task: Entropy learns 10.0 ± 0.0 points more than Uniform (means of 10 runs)."
    )
    assert said.in_a_stream(up) == (
        "**Old digits and new, in 10 whole runs: Entropy keeps 5.0 ± 0.0 points less than Uniform; Entropy forgets "
        "15.0 ± 0.0 points more than Uniform.**"
    )
    assert "10.0 ± 0.0 points less than Uniform" in said.in_one_task(down)
    assert "keeps 5.0 ± 0.0 points more" in said.in_a_stream(down)
    same = {"entropy": worse, "uniform": runs(0.8, 0.7)}
    assert "within noise" in said.in_one_task(same) and said.in_a_stream(same).count("within noise") == 2


# -- charts and pictures -------------------------------------------------------------------------------


def test_the_plane_holds_every_set_and_the_star_on_top():
    found = shipped()
    strategies = found.strategies().assign(label=found.names)
    spec = charts.plane(found.blind(), found.sizes(), strategies, (97.0, 80.0))
    star = spec["series"][-1]
    assert star["data"] == [[97.0, 80.0]] and star["z"] == max(s["z"] for s in spec["series"])
    assert len(spec["series"][0]["data"]) == script.BLIND
    assert "yours 97.0 80.0" in told(spec) and "badge" in told(spec)
    names = [s["label"]["formatter"] for s in spec["series"] if s["name"] in found.names]
    assert names == ["uniform", "entropy, badge", "", "accuacl"]
    assert len(charts.plane(found.blind(), found.sizes(), strategies, None)["series"]) == len(spec["series"]) - 1
    far = charts.plane(found.blind(), found.sizes(), strategies, (1.0, 2.0))
    assert far["xAxis"]["min"] <= 1 and far["yAxis"]["min"] <= 2


def test_pairs_show_each_pick_hardest_first_and_which_way_it_works():
    found = shipped()
    ids = found.chosen_by("entropy")
    html = pairs_html(found, ids)
    losses = [float(part.split(",")[0]) for part in html.split(": loss ")[1:]]
    assert losses == sorted(losses, reverse=True) and len(losses) == 10
    against = int((found.candidates.loc[list(ids), "product"] < 0).sum())
    assert html.count("against memory") == against and html.count("with memory") == 10 - against


# -- the page ------------------------------------------------------------------------------------------


def test_a_link_names_candidates_only():
    found = shipped()
    ids = [int(i) for i in found.candidates.index]
    assert live.known(f"{ids[3]},{ids[0]}", found) == ((ids[0], ids[3]), "")
    picked, text = live.known(f"{ids[0]},{ids[0]},-5,<b>,999999999999999,{2**31}", found)
    assert picked == (ids[0],) and "5 of the picks are passed over" in text
    picked, text = live.known(",".join(map(str, ids[:11])), found)
    assert len(picked) == found.n and "one of the picks is" in text
    assert live.known("", found) == ((), "")


@pytest.fixture
def no_backend(runs, monkeypatch):
    every_page_looks_into(runs, monkeypatch)
    runs.mkdir(exist_ok=True)
    return runs


def opened(**query: str) -> AppTest:
    def page() -> None:
        import streamlit as st

        from app.lesson.chapters import choice

        picture, controls = st.columns(2)
        st.success(choice.draw(picture, controls) or "nothing yet")

    test = AppTest.from_function(page, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def button(test: AppTest, label: str):
    return next(each for each in test.button if each.label == label)


def test_ten_of_a_link_are_bought_measured_and_said(no_backend):
    found = shipped()
    test = opened(look=chapter.BUY, picks=",".join(map(str, found.chosen_by("badge"))))
    assert test.success[0].value == "nothing yet"
    button(test, "Buy and train").click().run()
    ids = found.chosen_by("badge")
    assert measurer.is_asked(no_backend, live.wish(found, ids)) and test.success[0].value == "nothing yet"
    assert any("is learning your ten" in each.value for each in test.caption)
    process = Measurer(no_backend)
    while process.step():
        pass
    test.run()
    row = found.strategies().set_index("name").loc["badge"]
    mine = live.result(found, ids)
    assert mine == (pytest.approx(row["new"], abs=0.1), pytest.approx(row["past"], abs=0.1))
    assert test.success[0].value == said.effect(found, mine)
    button(test, "Choose again").click().run()
    assert button(test, "Buy and train")


def test_fewer_than_ten_are_not_bought_and_a_strategy_fills_the_picks(no_backend):
    found = shipped()
    test = opened(look=chapter.BUY, picks=f"{found.candidates.index[0]},77777")
    assert button(test, "Buy and train").disabled
    assert any("one of the picks is passed over" in each.value for each in test.caption)
    test.pills(chapter.LET).set_value("accuacl").run()
    assert not test.exception and not button(test, "Buy and train").disabled
    assert live.known("".join(test.query_params[live.PICKS]), found)[0] == found.chosen_by("accuacl")


def test_without_a_measurer_one_sentence_says_so_and_the_rest_stands(no_backend, monkeypatch):
    def refused(runs: object) -> None:
        raise UserError("The folder is full.")

    monkeypatch.setattr("acl.service.backend.ensure", refused)
    test = opened(look=chapter.BUY, picks=",".join(map(str, shipped().chosen_by("uniform"))))
    button(test, "Buy and train").click().run()
    assert not test.exception and "cannot be measured here: The folder is full" in test.warning[0].value
    assert len(json.loads(test.get("echarts_chart")[0].proto.spec)["series"][0]["data"]) == script.BLIND


@pytest.mark.parametrize("look", [*chapter.VIEWS, "nonsense"])
def test_every_view_opens_from_a_link(no_backend, look):
    test = opened(look=look, whose="entropy")
    if look in ("Why", "Later"):
        assert "Entropy" in test.success[0].value
