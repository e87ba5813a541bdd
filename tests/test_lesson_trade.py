"""Chapter 5: the recorded query against a slow reference, its charts, and its words for whatever comes out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from streamlit.testing.v1 import AppTest

from acl.analysis.corners import CORNERS, corners
from acl.events import Scored
from acl.runs.folder import Run
from app.charts import trade as charts
from app.lesson import measured, scored
from app.lesson import trade_words as said
from app.lesson.chapters import trade
from app.lesson.measured import Difference, figures
from assets import scores
from tests.house import ROOT

RUN = Run(ROOT / "assets" / "runs" / scores.RUN)
QUERY = scored.query()


# -- the query, by brute force -------------------------------------------------------------------------


def slow(task: int, round_: int) -> dict[str, np.ndarray]:
    """Magnitude and distribution of the pool, p_x of every sample and q, entry by entry, as the paper writes them."""
    path = RUN.snapshot(task, round_)
    tensors = {name: value.astype(np.float64) for name, value in load_file(path).items()}
    with safe_open(path, "numpy") as file:
        meta = file.metadata()
    weight, outputs = float(meta["lambda"]), int(meta["n_classes"])

    def embedding(role: str) -> np.ndarray:
        p, h = tensors[f"{role}.p"], tensors[f"{role}.h"]
        return np.array([np.outer(p[x] * (1 - p[x]), h[x] ** 2) for x in range(len(p))])

    f = embedding("pool")
    total = weight * embedding("memory").mean(0) + (1 - weight) * f.mean(0)
    each = min(total.shape[1], 5 * outputs // len(total))
    kept = [(k, i) for k in range(len(total)) for i in np.argsort(-total[k], kind="stable")[:each]]
    wanted = np.array([total[k, i] for k, i in kept])
    own = np.array([[one[k, i] for k, i in kept] for one in f])

    def softmax(values: np.ndarray) -> np.ndarray:
        raised = np.exp(values - values.max())
        return raised / raised.sum()

    def half(a: float, b: float) -> float:
        return a * math.log(2 * a / (a + b)) if a > 0 else 0.0

    q, spread = softmax(wanted / wanted.mean()), np.array([softmax(one / wanted.mean()) for one in own])
    js = np.array([
        math.sqrt(max(sum(half(a, b) + half(b, a) for a, b in zip(p, q, strict=True)) / 2, 0.0)) for p in spread
    ])  # fmt: skip
    return {
        "ids": tensors["pool.ids"].astype(int), "magnitude": np.sqrt((own**2).sum(1)),
        "distribution": np.exp(-js / js.mean()), "spread": spread, "target": q,
    }  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    return slow(QUERY.task, QUERY.round)


def farthest(magnitude: np.ndarray, distribution: np.ndarray) -> tuple[list[int], float]:
    """The four corners, found by looking at every sample."""
    n = len(magnitude)
    m = [sum(other < one for other in magnitude) / (n - 1) for one in magnitude]
    d = [sum(other < one for other in distribution) / (n - 1) for one in distribution]
    found, far = [], []
    for high_m, high_d in CORNERS:
        inside = [min(a if high_m else 1 - a, b if high_d else 1 - b) for a, b in zip(m, d, strict=True)]
        found.append(inside.index(max(inside)))
        far.append(max(inside))
    return found, min(far)


def test_the_valuesare_those_of_the_snapshot(reference):
    assert list(QUERY.table.index) == reference["ids"].tolist()
    for name in ("magnitude", "distribution"):
        np.testing.assert_allclose(QUERY.table[name], reference[name], rtol=1e-5)


def test_the_four_are_the_farthest_and_so_is_their_query(reference):
    four, far = farthest(reference["magnitude"], reference["distribution"])
    assert QUERY.corners == tuple(reference["ids"][four])
    for position, own in zip(four, QUERY.spreads, strict=True):
        np.testing.assert_allclose(own, reference["spread"][position], rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(QUERY.target, reference["target"], rtol=1e-5)
    others = [(q.task, q.round) for q in RUN.history().of(Scored) if q.task > 1]
    assert len(others) == 12
    for place in (place for place in others if place != (QUERY.task, QUERY.round)):
        there = slow(*place)
        assert farthest(there["magnitude"], there["distribution"])[1] < far


def test_picks_by_one_score_and_by_both(reference):
    ids, m, d = (reference[name] for name in ("ids", "magnitude", "distribution"))
    recorded = next(q for q in RUN.history().of(Scored) if (q.task, q.round) == (QUERY.task, QUERY.round))
    n = len(recorded.ids)
    by_d, by_m = ids[np.argsort(-d)], ids[np.argsort(-m)]
    assert set(QUERY.picks["D alone"]) == set(by_d[:n])
    assert QUERY.picks["M alone"] == by_m[:n].tolist()
    assert QUERY.picks["both"] == [i for i in by_m if i in by_d[: 2 * n]][:n] == list(recorded.ids)
    assert set(QUERY.candidates) == set(by_d[: 2 * n])


def test_the_file_is_what_the_script_writes():
    assert scores.farthest(RUN) == json.loads(scores.FILE.read_text("utf-8"))


def test_corners_of_a_pool_that_has_them():
    values = torch.tensor([[9.0, 8, 1, 2, 5], [0.1, 0.9, 0.2, 0.8, 0.5]], dtype=torch.float64)
    assert corners(*values) == ((0, 1, 2, 3), 0.75)


# -- charts --------------------------------------------------------------------------------------------


def test_the_profiles_drawn_are_those_of_the_samples():
    four = [charts.Profile(name, "", "", spread, False) for name, spread in zip("abcd", QUERY.spreads, strict=True)]
    spec = charts.profiles_chart(four, QUERY.target, QUERY.classes)
    assert len(spec["grid"]) == 4 and len(spec["series"]) == 8
    for k, spread in enumerate(QUERY.spreads):
        own, target = spec["series"][2 * k : 2 * k + 2]
        assert target["xAxisIndex"] == own["xAxisIndex"] == k
        for drawn, shares in ((target, QUERY.target), (own, spread)):
            slow = {name: 0.0 for name in QUERY.classes}
            for name, share in zip(QUERY.classes, shares.tolist(), strict=True):
                slow[name] += 100 * share
            np.testing.assert_allclose(drawn["data"], list(slow.values()), atol=6e-4)
        assert max(*own["data"], *target["data"]) <= spec["yAxis"][k]["max"]
    assert spec["xAxis"][0]["data"] == list(dict.fromkeys(QUERY.classes))


def test_differences_are_drawn_as_they_are():
    row = charts.Row("kept ↑", 2.0, -1.0, 5.0, [1.0, 3.0], "+2.0 ± 1.0", "#000000")
    seeds, interval, mean = charts.differences_chart([row], "points")["series"][:3]
    assert seeds["data"] == [[1.0, 0], [3.0, 0]]
    assert [x for x, _ in interval["data"]] == [-1.0, 5.0]
    assert mean["data"] == [[2.0, 0]] and mean["label"]["formatter"] == "+2.0 ± 1.0"


def test_the_chart_over_lambda_holds_all_of_it():
    table = pd.DataFrame([{"λ": w, "figure": name, "mean": w + k, "error": 0.5}
                          for w in (1.0, 0.0) for k, name in enumerate(charts.NAMES)])  # fmt: skip
    spec = charts.lambda_chart(table)
    lines = [one for one in spec["series"] if "endLabel" in one]
    assert [one["data"] for one in lines] == [[[0.0, k], [1.0, 1.0 + k]] for k in range(3)]
    assert spec["yAxis"]["min"] <= -0.5 and spec["yAxis"]["max"] >= 3.5


@pytest.mark.parametrize(("by", "cuts"), [("both", {"xAxis", "yAxis"}), ("D alone", {"xAxis"}), ("M alone", {"yAxis"})])
def test_the_plane_shows_the_cuts_that_picked(by, cuts):
    spec = trade.plane(QUERY, by, dark=False)
    assert set(spec["dataset"][1]["source"]["id"]) == set(QUERY.picks[by])
    lines = spec["series"][1]["markLine"]["data"]
    assert {axis for line in lines for axis in line} == cuts
    if "yAxis" in cuts:
        assert QUERY.table.loc[QUERY.picks[by], "magnitude"].min() in [line.get("yAxis") for line in lines]


# -- words ---------------------------------------------------------------------------------------------


def gain(mean: float = 3.0) -> Difference:
    return Difference(mean, 1.0, mean - 2, mean + 2, 10, 0.01)


NOISE, LOSS = Difference(0.5, 1.0, -1.5, 2.5, 10, 0.6), gain(-3.0)


def test_the_question_has_the_figures_that_were_found():
    asked = said.question({"LA": gain(-5.04), "forgotten": gain(-2.96), "A": NOISE})
    assert asked == "Would you give 5.0 points of the new to forget 3.0 points less of the old?"


@pytest.mark.parametrize("learned", [gain(), NOISE])
def test_nothing_is_given_where_nothing_was(learned):
    asked = said.question({"LA": learned, "forgotten": LOSS, "A": gain()})
    assert "Would you give" not in asked and "3.0 points less" in asked


@pytest.mark.parametrize("forgotten", [gain(), NOISE])
def test_nothing_is_saved_where_nothing_was(forgotten):
    assert "forget no less" in said.question({"LA": LOSS, "forgotten": forgotten, "A": LOSS})
    assert "Why bother" in said.question({"LA": NOISE, "forgotten": forgotten, "A": NOISE})


@pytest.mark.parametrize(
    ("kept", "verdict"), [(gain(), "it keeps more."), (LOSS, "it keeps less"), (NOISE, "no more than noise")]
)
def test_what_is_traded_ends_with_what_came_out(kept, verdict):
    told = said.trade({"LA": LOSS, "forgotten": NOISE, "A": kept})
    assert verdict in told and "10 pairs of runs" in told
    assert "learned 3.0 ± 1.0 points less" in told and "forgotten within noise (0.5 ± 1.0 points" in told


def gains(few: float, many: float) -> dict[int, pd.Series]:
    """What is kept more with ten and with fifty remembered; CHANCE is within its noise."""
    return {10: by_seed(few, 0.5 if few == CHANCE else 0.1), 50: by_seed(many, 0.5 if many == CHANCE else -0.1)}


CHANCE = 0.6


def test_what_memory_changes():
    told = said.over_memory(gains(2, -3) | {20: by_seed(CHANCE, 0.5)})
    assert told.startswith("With 20 remembered digits the difference may be chance; with 10 remembered digits AccuACL")
    assert "; with 50 remembered digits AccuACL keeps 3.0 ± 0.2 points less. The less is remembered, the better" in told
    assert told.endswith("between 10 and 50 by 4.9 ± 0.4 points, beyond noise.")
    assert "The more is remembered, the better" in said.over_memory(gains(-3, 2))
    assert "changes by no more than noise" in said.over_memory(gains(CHANCE, CHANCE))


@pytest.mark.parametrize(
    ("few", "many", "begins", "ends"),
    [
        (2, -3, "The less", "It pays with 10 remembered digits. With 50 remembered digits blind choice keeps more."),
        (2, 5, "The more", "beyond noise. It pays with 10 and 50 remembered digits."),
        (
            CHANCE,
            -3,
            "The less",
            "0.3 ± 1.0 points more may be chance. With 50 remembered digits blind choice keeps more.",
        ),
        (-2, -5, "The less", "beyond noise. With 10 and 50 remembered digits blind choice keeps more."),
        (
            CHANCE,
            CHANCE,
            "From 50 to 10",
            "But with the usual λ, even with 10 remembered digits 0.3 ± 1.0 points more may be chance.",
        ),
    ],
)
def test_when_it_pays_is_what_came_out(few, many, begins, ends):
    told = said.when_it_pays(gains(few, many), by_seed(CHANCE, 0.5))
    assert told.startswith(f"**When does it pay?** {begins}") and told.endswith(ends)


def test_what_pays_without_the_past_is_said_where_the_rest_may_be_chance():
    at_zero = by_seed(2)
    told = said.when_it_pays(gains(CHANCE, -3), at_zero)
    assert "With 10 and at λ = 0, where the past has no weight, it keeps 1.9 ± 0.2 points more, beyond noise." in told
    assert "So what helps here is not the weight on the past. With 50" in told
    assert "So what helps" not in said.when_it_pays(gains(CHANCE, -3), by_seed(9))
    assert "λ" not in said.when_it_pays(gains(2, -3), at_zero)


def by_seed(mean: float, spread: float = 0.1) -> pd.Series:
    return pd.Series({seed: mean + spread * (-1) ** seed * (1 + seed) for seed in range(10)})


LEVEL = pd.Series(60.0, range(10))


@pytest.mark.parametrize(
    ("means", "course"), [((70, 71, 72), "rises"), ((72, 71, 70), "falls"), ((70, 73, 71), "goes up and down")]
)
def test_the_path_over_lambda(means, course):
    kept = {weight: by_seed(mean) for weight, mean in zip((0.0, 0.5, 1.0), means, strict=True)}
    told = said.over_lambda(kept, by_seed(72), LEVEL)
    assert f"what is kept {course}" in told
    assert ("most is kept at λ" in told) == (course != "falls")


def test_lambda_0_and_the_usual_one_are_both_held_against_uniform():
    told = said.over_lambda({0.0: by_seed(63), 1.0: by_seed(62)}, by_seed(64), LEVEL)
    assert "where the past has no weight, 3.0 ± 0.2 points more; with the usual λ 4.0 ± 0.2 points more." in told
    told = said.over_lambda({0.0: by_seed(60, 1.0), 1.0: by_seed(62)}, by_seed(64), LEVEL)
    assert "no weight, within noise" in told and "run to run" not in told
    told = said.over_lambda({0.0: by_seed(60.6), 1.0: by_seed(62)}, by_seed(61.2, 0.7), LEVEL)
    assert told.endswith("seeds): as high on average, but less alike from run to run.")
    told = said.over_lambda({0.0: by_seed(63), 1.0: by_seed(62)}, by_seed(60, 1.0), LEVEL)
    assert told.endswith("seeds): lower, and less alike from run to run.")


@pytest.mark.parametrize(("found", "did"), [(NOISE, "as well"), (gain(), "better"), (LOSS, "worse")])
def test_half_the_labels(found, did):
    told = said.challenge(found)
    assert f"did {did} here" in told and ("Choosing paid" in told) == (did == "worse")
    assert f"{'−' if found.mean < 0 else '+'}{abs(found.mean):.1f} ± 1.0 points" in told


def test_half_the_labels_in_figures():
    told = said.half(by_seed(72), by_seed(71), 20)
    assert f"Uniform with 20 labels a task keeps {by_seed(72).mean():.1f} ±" in told
    assert "10 pairs of runs" in told


def test_how_much_of_what_is_needed_is_of_the_past():
    told = said.past_share(np.array([0.02, 0.01, 0.9, 0.07]), ["0", "3", "8", "9"], ["8", "9"])
    assert told.startswith("Classes of past tasks have 3 % of what is needed")
    assert QUERY.new == ["8", "9"]


def test_what_became_of_the_four():
    fates = {"one": "bought", "two": "out by D", "three": "out by D", "four": "out by M"}
    assert said.four(fates) == (
        "Of these four AccuACL buys the one one: the cut by distribution comes first and takes out the two one and the "
        "three one; of those left magnitude decides against the four one. One query of one run."
    )
    assert said.four(dict.fromkeys("ab", "out by M")).startswith("AccuACL buys none of these four: of those left")
    assert [said.fate(*those) for those in ((True, True), (True, False), (False, False))] == [
        "bought", "out by M", "out by D"
    ]  # fmt: skip


def test_what_one_score_alone_buys():
    ranks = {i: i for i in range(1, 11)}
    told = said.alone({"D alone": [1, 2], "both": [2, 3], "M alone": [9, 10]}, ranks, {i: 11 - i for i in ranks})
    assert "at place 2 of 10 by magnitude" in told and "at place 2 by distribution" in told
    assert "share 1 of 2 picks with D alone and 0 with M alone" in told


# -- the chapter ---------------------------------------------------------------------------------------


@pytest.fixture
def planted(tmp_path, monkeypatch) -> None:
    """Runs of two tasks by ten seeds, in which AccuACL learns 2 points less, forgets 6 less and keeps 1 more."""
    usual = [[1.0], [0.8, 0.9]]
    groups = [({"memory": m}, usual) for m in trade.MEMORIES] + [({"n_end": trade.HALF}, usual)]
    hero = [[0.98], [0.84, 0.88]]
    groups += [({"strategy": "accuacl", "memory": m}, hero) for m in trade.MEMORIES]
    groups += [({"strategy": "accuacl", "lambda": weight}, hero) for weight in trade.LAMBDAS]
    path = tmp_path / "runs.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for settings, r in groups:
            for seed in range(10):
                moved = [[share - 0.001 * seed for share in row] for row in r]
                line = {"settings": settings, "seed": seed, "R": moved, "R_aware": moved}
                file.write(json.dumps(line) + "\n")
    monkeypatch.setattr(measured, "FILE", path)
    measured._groups.cache_clear()
    yield
    measured._groups.cache_clear()


def page() -> None:
    import streamlit as st

    from app.lesson.chapters import trade

    picture, controls = st.columns([5, 2])
    st.success(trade.draw(picture, controls))


def test_each_step_has_a_picture_and_a_sentence(planted):
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception
    learned = figures(strategy="accuacl")["LA"].mean() - figures()["LA"].mean()
    asked = next(one.value for one in test.markdown if one.value.startswith("####"))
    assert f"{abs(learned):.1f} points" in asked
    seen = [test.success[0].value]
    for step in list(trade.STEPS)[1:]:
        test.button(key="trade-on").click().run()
        assert not test.exception and test.session_state["trade"] == step
        seen.append(test.success[0].value)
    assert not [each for each in test.button if each.key == "trade-on"]
    assert len(set(seen)) == len(trade.STEPS) and all(len(told) > 20 for told in seen)


def test_picks_by_one_score_are_chosen(planted):
    test = AppTest.from_function(page, default_timeout=60)
    test.query_params["trade"] = "D, M"
    test.run()
    assert "both" in test.markdown[0].value
    test.segmented_control(key="trade-by").set_value("M alone").run()
    assert not test.exception and "magnitude alone" in test.markdown[0].value


def test_the_keys_of_the_chapter_are_its_own():
    sources = {path: path.read_text("utf-8") for path in Path(ROOT / "app").rglob("*.py") if path.stem != "trade"}
    assert not [path for path, text in sources.items() if 'key="trade' in text]
