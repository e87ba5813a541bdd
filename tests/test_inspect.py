"""The Inspect page without a browser: what-if, gallery groups, links, files dropped in, every empty state."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save
from safetensors.torch import load_file
from safetensors.torch import save_file as save_torch
from streamlit.testing.v1 import AppTest

from acl import write_snapshot
from acl.analysis import embedding as layout
from acl.analysis.what_if import Microscope, Settings
from acl.config import UserError
from acl.runs.folder import Run, create
from acl.runs.fork import fork
from acl.service import projector
from acl.service.worker import execute
from acl.snapshots import shelf as snapshot_shelf
from acl.strategies.accuacl import AccuACL
from app import words
from app.charts.inspection import lambda_ribbon, strategies
from app.charts.inspection import target as target_figures
from app.charts.score_plane import View
from app.inspection import choose_query, export, sample_card
from app.inspection import feature_map as maps
from app.inspection import page as microscope
from app.inspection import samples as pool
from app.inspection import source as sight
from app.inspection.linked_scatters import component as lens
from app.inspection.panels import judged_figures, judging, ribbon
from app.inspection.panels.tabs import TABS
from app.store import runs as data
from app.store import session as state
from app.store.runs import live_run
from app.widgets import gallery
from tests.conftest import small_config
from tests.contexts import make_context, with_duplicates
from tests.test_precision import made_earlier
from tests.tools import every_page_looks_into

ROOT = Path(__file__).resolve().parent.parent
RECORDED = "recorded-er-accuacl-digits-s0"


@pytest.fixture(autouse=True)
def no_backend(monkeypatch, runs):
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(str(ROOT / "pages" / "inspect.py")).run()
    assert not test.exception
    return test


def text(test: AppTest) -> str:
    return " ".join(str(part.value) for part in [*test.markdown, *test.caption, *test.error, *test.info])


def keyed(test: AppTest, prefix: str):
    for kind in (test.slider, test.selectbox, test.number_input, test.select_slider, test.button):
        for widget in kind:
            if str(widget.key).startswith(prefix):
                return widget
    raise AssertionError(f"no widget {prefix}")


def recorded_sight(task: int = 5) -> sight.Sight:
    run = Run(state.RECORDED / RECORDED)
    history = live_run(run.path).history()
    query = next(q for q in sight.queries_of(run, history) if q.task == task)
    return sight.sight_of_run(run, run.config, history, query)


def test_the_recorded_settings_show_the_recorded_picks():
    test = page(run=RECORDED)
    assert "Why these 10?" in text(test) and "the recorded picks" in text(test)
    assert test.query_params["task"] == "5" and test.query_params["round"] == "3"
    here = recorded_sight()
    assert pool.choose(here, "accuacl", here.recorded).picked == here.picks


def test_another_lambda_changes_the_picks_and_back_to_recorded_returns_them():
    test = page(run=RECORDED)
    keyed(test, "lambda-").set_value(0.1).run()
    assert "leave" in text(test) and test.query_params["lambda"] == "0.1"
    test.button(key="back").click().run()
    assert "the recorded picks" in text(test) and "lambda" not in test.query_params


def test_a_link_restores_query_lambda_colour_strategy_and_sample():
    test = page(run=RECORDED, task="3", round="3", colour="entropy", strategy="entropy", sample="8")
    assert keyed(test, "strategy-").value == "entropy"
    assert test.session_state["inspect-colour"] == "entropy"
    assert "Entropy instead of AccuACL" in text(test)
    test = page(run=RECORDED, task="3", round="3", **{"lambda": "0.25"})
    assert keyed(test, "lambda-").value == 0.25
    test = page(run=RECORDED, task="3", round="3", n="4", dims="2", oversample="3")
    assert [keyed(test, f"{name}-").value for name in ("n", "dims", "over")] == [4, 2, 3]
    assert (test.query_params["n"], test.query_params["dims"], test.query_params["oversample"]) == ("4", "2", "3")


@pytest.mark.parametrize(
    ("name", "value"), [("lambda", "7"), ("n", "0"), ("n", "many"), ("dims", "nan"), ("oversample", "-1")]
)
def test_a_link_with_a_number_that_makes_no_sense_shows_the_recorded(name, value):
    assert "the recorded picks" in text(page(run=RECORDED, task="3", round="3", **{name: value}))


def test_a_query_without_snapshot_shows_the_nearest_and_says_so():
    test = page(run="recorded-er-uniform-digits-s0", task="2", round="1")
    assert test.query_params["task"] == "2" and test.query_params["round"] == "3"
    assert "no snapshot" in test.toast[0].value


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"strategy": "full"}, "labels every sample"),
        ({"snapshots": "off"}, "kept no snapshots"),
    ],
)
def test_a_run_without_queries_says_why(runs, values, said):
    run = create(small_config(**values), runs)
    execute(run)
    assert said in text(page(run=run.id))


def test_a_run_that_has_not_begun_says_so(runs):
    assert "No query yet" in text(page(run=create(small_config(), runs).id))


def test_a_strategy_that_is_not_installed_here_shows_what_it_picked(runs):
    run = create(small_config(strategy="entropy"), runs)
    execute(run)
    for path in (run.path / "config.json", run.events):
        path.write_text(path.read_text("utf-8").replace('"entropy"', '"gone"'), "utf-8")
    test = page(run=run.id)
    assert keyed(test, "strategy-").value == "gone" and "the recorded picks" in text(test)
    keyed(test, "n-").set_value(keyed(test, "n-").value + 1).run()
    assert not test.exception and "gone" in " ".join(error.value for error in test.error)


def test_the_settings_of_a_fork_are_those_in_force_at_its_queries(runs):
    parent = create(small_config(), runs)
    execute(parent)
    child = fork(parent, (2, 2), {"dims_per_class": 1, "oversample": 1.0}, runs)
    execute(child)
    for round_, dims in ((1, 5), (2, 1), (3, 1)):
        test = page(run=child.id, task="2", round=str(round_))
        assert keyed(test, "dims-").value == dims and "the recorded picks" in text(test)
    keyed(test, "dims-").set_value(2).run()
    test.button(key="fork-here").click().run()
    assert not test.exception and "2" in next(m.value for m in test.markdown if m.value.startswith("Changed from"))


def test_a_damaged_snapshot_is_a_sentence(runs):
    run = create(small_config(), runs)
    execute(run)
    run.snapshot(2, 3).write_bytes(b"not a snapshot")
    assert "cannot be shown" in text(page(run=run.id))


def test_no_two_runs_are_called_alike(runs):
    made = {run.id: run for run in (create(small_config(), runs) for _ in range(3))}
    for id_ in ("copy-of-a-run-7912", "copy-of-b-run-7912"):
        shutil.copytree(next(iter(made.values())).path, runs / id_)
        made[id_] = Run(runs / id_)
    assert len(set(choose_query.run_names(made).values())) == len(made)


def test_the_menu_changes_the_run_and_nothing_else_does(runs):
    test = page(run=RECORDED)
    create(small_config(), runs)
    test.run()
    assert test.query_params["run"] == RECORDED
    test.selectbox(key="inspect-run-1").set_value("recorded-er-uniform-digits-s0").run()
    assert test.query_params["run"] == "recorded-er-uniform-digits-s0"
    assert keyed(test, "strategy-").value == "uniform"
    test.run()
    assert test.query_params["run"] == "recorded-er-uniform-digits-s0"


@pytest.mark.parametrize("wanted", ["--5", "", "²", "9" * 30])
def test_a_sample_in_the_link_that_is_none_is_not_opened(wanted):
    assert "sample" not in page(run=RECORDED, task="5", round="3", sample=wanted).query_params


@pytest.mark.parametrize("panel", TABS)
def test_every_panel_draws(panel):
    test = page(run=RECORDED)
    test.segmented_control(key="panel").set_value(panel).run()
    assert not test.exception


@pytest.mark.parametrize("strategy", ["uniform", "entropy", "least_confidence", "kcenter", "badge", "bait"])
def test_any_strategy_can_be_shown(strategy):
    test = page(run=RECORDED)
    keyed(test, "strategy-").set_value(strategy).run()
    assert not test.exception and test.query_params["strategy"] == strategy
    assert keyed(test, "lambda-").disabled


def test_a_strategy_that_takes_long_is_asked_only_after_a_yes(monkeypatch):
    monkeypatch.setattr("acl.analysis.comparison.SLOW_S", 0.0)
    test = page(run=RECORDED)
    keyed(test, "strategy-").set_value("bait").run()
    assert "the page waits for it" in text(test) and "strategy" not in test.query_params
    test.button(key="ask-slow").click().run()
    assert test.query_params["strategy"] == "bait" and not test.exception
    test.segmented_control(key="panel").set_value(TABS[1]).run()
    assert not test.exception and "Also BAIT: about" in test.toggle(key="slow-strategies").label


def drawn_figures(test: AppTest) -> int:
    return len(test.get("plotly_chart"))


def test_picks_come_before_heat_maps():
    test = page(run=RECORDED)
    assert drawn_figures(test) == 1
    before = test.query_params["run"]
    keyed(test, "lambda-").set_value(0.1).run()
    # The browser asks for the panel when it has painted the picks.
    assert "leave" in text(test) and drawn_figures(test) == 0 and test.query_params["run"] == before
    test.segmented_control(key="panel").set_value("λ ribbon").run()
    assert drawn_figures(test) == 1 and not test.exception


def test_the_newest_of_ones_own_runs_comes_before_a_recording(runs):
    assert page().query_params["run"].startswith("recorded-")
    run = create(small_config(), runs)
    execute(run)
    create(small_config(strategy="full"), runs)
    assert page().query_params["run"] == run.id


# -- parts -------------------------------------------------------------------------------------------


def test_the_gallerys_groups_part_the_pool():
    here = recorded_sight()
    choice = pool.choose(here, "accuacl", here.recorded)
    frame = pool.table(here, choice)
    groups = sample_card.groups(frame, choice, lasso=[here.picks[0]])
    parts = [groups["Picks"], groups["Left out by distribution (D)"], groups["Left out by magnitude (M)"]]
    assert sorted(sum(parts, [])) == sorted(here.context.pool.ids.tolist())
    assert len(groups["Left out by magnitude (M)"]) == len(groups["Picks"]) == 10
    assert groups["Lasso"] == [here.picks[0]]


def test_who_enters_and_leaves_is_the_difference_of_the_picks():
    here = recorded_sight()
    choice = pool.choose(here, "accuacl", replace(here.recorded, lambda_=0.0))
    frame = pool.table(here, choice).set_index("id")
    assert set(frame.index[frame["change"] == "enters"]) == set(choice.picked) - set(here.picks)
    assert set(frame.index[frame["change"] == "leaves"]) == set(here.picks) - set(choice.picked)


def test_common_scores_are_what_the_strategies_say():
    from acl.plugins.registry import build

    here = recorded_sight()
    ours = pool.scores_without_settings(here.context)
    for strategy, name in (("entropy", "entropy"), ("badge", "gradient_norm"), ("kcenter", "distance")):
        theirs = build("strategies", strategy, here.config).select(here.context).scores[name]
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-9, atol=1e-12)


def test_a_sample_of_another_strategy_says_its_rank_by_that_score():
    here = recorded_sight()
    choice = pool.choose(here, "entropy", here.recorded)
    frame = pool.table(here, choice)
    third = choice.picked[2]
    assert microscope._why(here, frame, choice, here.recorded, third).startswith("Rank 3 of 238 by entropy")
    choice = pool.choose(here, "kcenter", here.recorded)
    assert microscope._why(here, pool.table(here, choice), choice, here.recorded, third) == ""


def test_nearest_memory_is_nearest():
    here = recorded_sight()
    opened = here.picks[0]
    memory, pooled = here.context.memory, here.context.pool
    distance = (memory.h.double() - pooled.h[pooled.ids == opened].double()).norm(dim=1)
    found = sample_card.nearest_memory(here, opened)
    assert [d for _, d in found] == pytest.approx(distance.sort().values[:4].tolist())


def test_large_pools_are_thinned_but_keep_what_matters(monkeypatch):
    here = recorded_sight()
    frame = pool.table(here, pool.choose(here, "accuacl", replace(here.recorded, lambda_=0.0)))
    monkeypatch.setattr(layout, "MOST_POINTS", 100)
    shown, left_out = maps.thinned(frame, here)
    assert len(shown) == 100 and left_out == len(frame) - 100
    needed = frame[(frame["role"] != "pool") | (frame["change"] != "")]
    assert set(needed["id"]) <= set(shown["id"])
    fewer = frame.drop(index=frame.index[:20])
    kept = set(shown["id"]) - set(needed["id"])
    assert kept & set(fewer["id"]) <= set(maps.thinned(fewer, here)[0]["id"])


def test_a_pool_too_large_to_draw_is_whole_in_the_gallery(monkeypatch):
    monkeypatch.setattr(layout, "MOST_POINTS", 60)
    test = page(run=RECORDED)
    assert "are not drawn" in text(test)
    group = next(w for w in test.segmented_control if str(w.key).startswith("group-"))
    assert group.options[:3] == ["Picks (10)", "Left out by distribution (D) (198)", "Left out by magnitude (M) (10)"]


def test_the_map_is_the_principal_plane():
    here = recorded_sight()
    x, y = maps.pca(*here.mark, "features")[0].T
    h = np.concatenate([s.h.numpy().astype(float) for s in here.context.roles().values()])
    values = np.linalg.svd(h - h.mean(0), compute_uv=False)[:2]
    assert [np.linalg.norm(x), np.linalg.norm(y)] == pytest.approx(values.tolist(), rel=1e-6)


def test_the_run_page_and_inspect_draw_the_same_map():
    here = recorded_sight()
    points, flat = data.map_of(here.run, here.query)
    xy, why_flat, _ = maps.pca(*here.mark, "features")
    assert points["id"].tolist() == layout.ids(here.context).tolist() and flat == why_flat
    np.testing.assert_array_equal(points[["x", "y"]].to_numpy(), xy)


def test_ids_travel_to_the_browser_whole():
    here = recorded_sight()
    frame = pool.table(here, pool.choose(here, "accuacl", here.recorded))
    frame.loc[0, "id"] = 2**62 + 1
    view = View("v", np.zeros(len(frame)), np.zeros(len(frame)), "x", "y")
    blank = [""] * len(frame)
    ranks = pool.ranks(frame, ["magnitude"])
    data = lens.payload((view, view), frame, {"magnitude": "M"}, ranks, lens.Look(blank), str, [], None, "s")
    assert data["ids"][0] == str(2**62 + 1) and json.dumps(data)


def test_ranks_are_those_in_the_whole_pool_and_ties_go_to_the_lower_id(monkeypatch):
    here = recorded_sight()
    frame = pool.table(here, pool.choose(here, "accuacl", here.recorded))
    inside = frame["role"].isin(["pool", "picks"])
    # Differences that single precision, in which the browser has the scores, cannot hold.
    frame.loc[inside, "magnitude"] = 1 + 1e-12 * np.arange(inside.sum())
    frame.loc[frame.index[:2], "magnitude"] = 2.0
    ranks = pool.ranks(frame, ["magnitude"])
    monkeypatch.setattr(layout, "MOST_POINTS", 60)
    shown, _ = maps.thinned(frame, here)
    view = View("v", np.zeros(len(shown)), np.zeros(len(shown)), "x", "y")
    look = lens.Look([""] * len(shown))
    data = lens.payload((view, view), shown, {"magnitude": "M"}, ranks, look, str, [], None, "s")
    found = np.frombuffer(base64.b64decode(data["ranks"]["M"]), "<f8")
    size, at = len(here.context.pool), {int(i): place for place, i in enumerate(here.context.pool.ids)}
    wanted = {i: place + 1 if place < 2 else size - place + 2 for i, place in at.items()}
    drawn = [(i, rank) for i, rank in zip(shown["id"].tolist(), found.tolist(), strict=True) if i in wanted]
    assert data["n_pool"] == size and len(drawn) < size
    assert all(rank == wanted[i] for i, rank in drawn)


def test_the_shared_sheet_holds_each_picture_at_its_place():
    images = np.zeros((40, 8, 8, 1), dtype=np.uint8)
    images[33] = 200
    tiles = gallery._tiles(images)
    assert tiles.shape == (64, 32 * 32, 3)
    assert (tiles[32:64, 32:64] == 200).all() and tiles.sum() == 200 * 32 * 32 * 3


def test_the_exported_plane_has_every_sample_and_both_cuts():
    here = recorded_sight()
    choice = pool.choose(here, "accuacl", here.recorded)
    frame = pool.table(here, choice).assign(colour="")
    figure = export._picture(frame, microscope.plane(frame, choice, "distribution", "magnitude"))
    assert sum(len(trace.x) for trace in figure.data) == len(here.context.pool)
    lines = [(shape.x0, shape.y0) for shape in figure.layout.shapes]
    ranking = choice.ranking
    assert lines[0][0] == ranking.distribution[ranking.candidates[-1]]
    assert lines[1][1] == ranking.magnitude[ranking.picked[-1]]


def test_exported_scores_name_every_pick():
    here = recorded_sight()
    choice = pool.choose(here, "accuacl", here.recorded)
    frame = pool.table(here, choice)
    drawn = maps.draw(here, frame, "pca").view
    table = export.scores(here, frame, choice, here.recorded, frame, drawn)
    ranked = table.dropna(subset=["rank"]).sort_values("rank")
    assert ranked["id"].tolist() == list(here.picks)


def test_the_exported_table_holds_all_that_the_page_shows_of_a_sample():
    here = recorded_sight()
    choice = pool.choose(here, "accuacl", here.recorded)
    frame = pool.table(here, choice)
    table = export.scores(here, frame, choice, here.recorded, frame, maps.draw(here, frame, "pca").view)
    context = here.context
    p = table[[f"p: {here.class_name(c)}" for c in context.classes]].to_numpy()
    assert np.array_equal(p[: len(context.pool)], context.pool.p.numpy()) and np.allclose(p.sum(1), 1, atol=1e-5)
    truth = data.true_labels(here.run, table["id"].tolist())
    assert table["true"].tolist() == truth.tolist()
    assert table["true_name"].tolist() == [here.class_name(label) for label in truth.tolist()]
    assert table[["map_x", "map_y"]].notna().all(axis=None)
    inside = table[table["role"].isin(["pool", "picks"])]
    assert set(inside["id"][inside["candidate"].astype(bool)]) == set(
        context.pool.ids[choice.ranking.candidates].tolist()
    )
    assert inside["reason"].str.startswith("Picked").sum() == len(here.picks)
    # Whoever is picked at the recorded λ is picked between two λ that were tried, or none was near enough.
    ever = inside["picked_at_lambda"] != ""
    assert ever.any() and table["reason"][len(inside) :].isna().all()


def test_hidden_true_classes_are_nowhere():
    here = replace(recorded_sight(), hidden=True)
    frame = pool.table(here, pool.choose(here, "accuacl", here.recorded))
    assert frame["true"].isna().all() and not judging.classes(here)[1]
    test = page(run=RECORDED)
    assert "true class" in test.selectbox(key="inspect-colour").options
    test.toggle(key="hide-true-classes").set_value(True).run()
    assert "true class" not in test.selectbox(key="inspect-colour").options and not test.exception


# -- files of somebody's own ---------------------------------------------------------------------------


def snapshot_bytes(tmp_path: Path, **values: object) -> bytes:
    path = tmp_path / "theirs.safetensors"
    make_context(3, **{"pool": 40, **values}).save(path)
    return path.read_bytes()


def kept(snapshot: bytes, pictures: bytes | None = None, file: str = "theirs.safetensors") -> str:
    return snapshot_shelf.keep(state.RUNS, file, snapshot, pictures)


def test_somebody_elses_snapshot_can_be_looked_at(tmp_path):
    name = kept(snapshot_bytes(tmp_path))
    test = page(snapshot=name)
    assert "Why these 5?" in text(test) and test.query_params["snapshot"] == name


def test_a_dropped_file_says_who_enters_and_leaves_against_its_own_settings(tmp_path):
    name = kept(snapshot_bytes(tmp_path))
    test = page(snapshot=name)
    assert "The settings of the file." in text(test)
    keyed(test, "n-").set_value(7).run()
    context = sight.sight_of_file(name).context
    five, seven = (set(AccuACL().select(replace(context, n=n)).ids.tolist()) for n in (5, 7))
    assert f"{len(five - seven)} leave, {len(seven - five)} enter" in text(test)


@pytest.mark.parametrize(
    "values",
    [
        {"pool": 1, "n": 1},
        {"n": 40},
        {"n_classes": 1},
        {"dim": 1, "n": 1},
        {"labelled": 0, "memory": 0},
        {"n_classes": 100, "scale": 16.0},
    ],
)
@pytest.mark.parametrize("panel", TABS[:3])
def test_a_file_at_the_edge_of_what_is_allowed_can_be_looked_at(tmp_path, values, panel):
    test = page(snapshot=kept(snapshot_bytes(tmp_path, **values)))
    test.segmented_control(key="panel").set_value(panel).run()
    assert not test.exception and not test.error and "Why these" in text(test)


def test_a_damaged_layout_is_waited_for_as_if_it_were_none(tmp_path, monkeypatch):
    here = sight.sight_of_file(kept(snapshot_bytes(tmp_path)))
    wish = maps._wish(here, "features")
    path = projector.places(maps.RUNS, wish)[1]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no layout")
    monkeypatch.setattr(maps.st, "rerun", lambda scope: pytest.fail("drawn anew, though nothing came"))
    assert projector.found(maps.RUNS, wish)
    frame = pool.table(here, pool.choose(here, "accuacl", here.recorded))
    maps._look(here, frame, "features", "")


def test_a_layout_that_forms_is_shown_with_its_share_and_pca_stays_where_it_does_not_come(tmp_path, monkeypatch):
    name = kept(snapshot_bytes(tmp_path))
    here = sight.sight_of_file(name)
    test = page(snapshot=name)
    assert "Right: PCA until UMAP is ready" in text(test)
    ids = layout.ids(here.context)
    formed = np.stack([np.arange(len(ids), dtype=float), -np.arange(len(ids), dtype=float)], 1)
    monkeypatch.setattr(projector, "forming", lambda runs, wish: (0.454, ids[::-1], formed))
    test.run()
    assert "UMAP is forming: 45%" in text(test) and "PCA until" not in text(test)
    frame = pool.table(here, pool.choose(here, "accuacl", here.recorded))
    drawn = maps.draw(here, frame, "umap")
    row = {i: row for row, i in enumerate(ids[::-1].tolist())}
    np.testing.assert_array_equal(drawn.view.x, [row[i] for i in frame["id"].tolist()])
    np.testing.assert_array_equal(drawn.view.y, -drawn.view.x)
    assert drawn.waits and drawn.view.x_name == "UMAP that forms, first dimension"
    # What forms for a projector that dies at it is not kept.
    monkeypatch.setattr(projector, "trouble", lambda runs, wish: "The projector ended 3 times at it.")
    test.run()
    assert "PCA is shown: The projector ended 3 times at it." in text(test) and "is forming" not in text(test)
    assert maps.draw(here, frame, "umap").view.x_name == "1st principal component"


def test_pictures_and_labels_of_a_dropped_file_are_found(tmp_path):
    images = np.arange(40 * 4 * 4 * 3, dtype=np.uint8).reshape(40, 4, 4, 3)
    ids = 3 * np.arange(40)
    name = kept(snapshot_bytes(tmp_path), save({"ids": ids, "images": images, "labels": ids % 4}))
    here = sight.sight_of_file(name)
    assert np.array_equal(here.pictures([6, 3]), images[[2, 1]])
    assert here.truth([6, 3]).tolist() == [2, 3]
    page(snapshot=name)


@pytest.mark.parametrize(
    ("snapshot", "pictures", "said"),
    [
        (b"nonsense", None, "not a readable safetensors"),
        (None, b"nonsense", "pictures are not a readable"),
        (None, save({"ids": np.arange(3)}), "needs a tensor ids"),
        (None, save({"ids": np.arange(3), "images": np.zeros((2, 4, 4, 3), np.uint8)}), "needs images uint8"),
        (None, save({"ids": np.arange(3), "images": np.zeros((3, 0, 0, 1), np.uint8)}), "needs images uint8"),
        (None, save({"ids": np.arange(3), "labels": np.zeros((3, 2), np.int64)}), "needs images uint8"),
        (None, save({"ids": np.arange(3).reshape(3, 1), "labels": np.arange(3)}), "needs ids that are a list"),
        (None, save({"ids": np.arange(1000, 1003), "labels": np.arange(3)}), "names none of the snapshot's"),
    ],
)
def test_a_bad_file_is_a_sentence_and_leaves_nothing(tmp_path, snapshot, pictures, said):
    with pytest.raises(UserError, match=said) as caught:
        kept(snapshot or snapshot_bytes(tmp_path), pictures)
    assert str(tmp_path) not in str(caught.value)
    assert not list(snapshot_shelf.folder(state.RUNS).glob("*"))


def test_labels_in_bytes_may_miss_some_samples(tmp_path):
    ids = 3 * np.arange(20)
    name = kept(snapshot_bytes(tmp_path), save({"ids": ids, "labels": (ids % 4).astype(np.uint8)}))
    assert sight.sight_of_file(name).truth([6, 3, 3 * 39]).tolist() == [2, 3, -1]
    test = page(snapshot=name)
    test.segmented_control(key="panel").set_value("Every strategy on this pool").run()
    assert not test.exception and not test.error


def test_a_dropped_file_keeps_its_name(tmp_path, monkeypatch):
    test = page(snapshot=kept(snapshot_bytes(tmp_path), file="my *queries*.safetensors"))
    assert "Snapshot file **my \\*queries\\*.safetensors**" in text(test)
    here = sight.sight_of_file(test.query_params["snapshot"])
    assert (here.file, here.title) == ("my *queries*.safetensors", "my *queries*")
    named: list[str] = []
    monkeypatch.setattr(export, "download", lambda label, make, name, *args, **kwargs: named.append(name))
    test.button(key="export").click().run()
    assert len(named) > 5 and all(name.startswith("my *queries*") for name in named)


@pytest.mark.parametrize(
    ("file", "called"), [("../../a.safetensors", "a.safetensors"), ("ü\n\x00\udc80.safetensors", "ü???.safetensors")]
)
def test_the_name_of_a_dropped_file_is_only_a_name(tmp_path, file, called):
    assert snapshot_shelf.find(state.RUNS, kept(snapshot_bytes(tmp_path), file=file)).file == called


def test_the_same_file_dropped_again_has_its_newest_name(tmp_path):
    content = snapshot_bytes(tmp_path)
    names = [kept(content, file=f"{name}.safetensors") for name in "ab"]
    assert names[0] == names[1] and snapshot_shelf.find(state.RUNS, names[0]).file == "b.safetensors"


def test_files_kept_by_an_earlier_version_are_found(tmp_path):
    name = kept(snapshot_bytes(tmp_path))
    (snapshot_shelf.folder(state.RUNS) / f"{name}.json").unlink()
    assert sight.sight_of_file(name).file == f"{name}.safetensors"


def own(path: Path, **values: object) -> tuple[str, ...]:
    """A file with class names and pictures."""
    context = make_context(3, pool=40)
    return write_snapshot(
        path, (context.pool.h, context.pool.p), (context.memory.h, context.memory.p), n=5,
        **{"class_names": ["cat", "<b>dog</b>", "*bird*", "d"], "labels": [i % 4 for i in range(40)] + [-1] * 5,
           "pictures": np.full((45, 6, 6, 3), 77, np.uint8), **values},
    )  # fmt: skip


def test_class_names_and_pictures_of_a_file_are_shown(tmp_path):
    own(tmp_path / "a.safetensors")
    test = page(snapshot=kept((tmp_path / "a.safetensors").read_bytes()))
    here = sight.sight_of_file(test.query_params["snapshot"])
    assert [here.class_name(c) for c in (0, 1, 9, -1)] == ["cat", "<b>dog</b>", "class 9", "not known"]
    assert (here.pictures([3, 44]) == 77).all() and here.truth([1, 44]).tolist() == [1, -1] and len(here.labels) == 40
    opened = page(snapshot=test.query_params["snapshot"], sample="1")
    assert "\\<b\\>dog\\</b\\>, predicted" in text(opened)
    for panel in TABS:
        opened.segmented_control(key="panel").set_value(panel).run()
        assert not opened.exception and not opened.error


def test_pictures_in_a_second_file_come_before_those_in_the_first(tmp_path):
    own(tmp_path / "a.safetensors")
    images = np.full((40, 2, 2, 1), 5, np.uint8)
    name = kept((tmp_path / "a.safetensors").read_bytes(), save({"ids": np.arange(40), "images": images}))
    assert (sight.sight_of_file(name).pictures([3]) == 5).all()


def test_what_was_mended_is_said_on_the_page(tmp_path):
    context = make_context(3, pool=40)
    write_snapshot(tmp_path / "a.safetensors", (context.pool.h, 3 * context.pool.p))
    test = page(snapshot=kept((tmp_path / "a.safetensors").read_bytes()))
    assert "40 of 40 rows of pool.p did not sum to 1 but to 3" in text(test).replace("\\", "")
    assert "did not sum" not in text(page(run=RECORDED))


def look_at(test: AppTest, typed: str) -> AppTest:
    test.text_input(key="snapshot-path").set_value(typed)
    return test.button(key="look").click().run()


@pytest.mark.parametrize("where", ["runs", "data"])
@pytest.mark.parametrize("how", ["whole", "from the folder on", "quoted"])
def test_a_file_below_the_runs_or_the_data_folder_opens_by_its_path(tmp_path, runs, monkeypatch, where, how):
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "data"))
    file = tmp_path / where / "mine" / "big one.safetensors"
    file.parent.mkdir(parents=True)
    make_context(3, pool=40).save(file)
    typed = {"whole": str(file), "from the folder on": "mine/big one.safetensors", "quoted": f' "{file}" '}[how]
    test = look_at(page(run=RECORDED), typed)
    assert not test.exception and not test.error and "big one.safetensors" in text(test)
    shelved = snapshot_shelf.find(runs, test.query_params["snapshot"])
    assert shelved.path.is_symlink() and shelved.path.samefile(file) and file.stat().st_nlink == 1


def test_a_path_that_may_not_be_opened_is_a_sentence(tmp_path, runs, monkeypatch):
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    outside = tmp_path / "outside.safetensors"
    make_context(3).save(outside)
    (runs / "way-out.safetensors").symlink_to(outside)
    (runs / "loop.safetensors").symlink_to(runs / "loop.safetensors")
    (runs / "text.safetensors").write_text("no tensors")
    test = page(run=RECORDED)
    for typed, said in {
        str(outside): "opens files under",
        "../outside.safetensors": "opens files under",
        "way-out.safetensors": "opens files under",
        "/etc/passwd": "opens files under",
        "/etc/no-such-file": "opens files under",
        "~/.ssh/id_rsa": "opens files under",
        "nobody.safetensors": "There is no file",
        "../data": "There is no file",
        "loop.safetensors": "cannot be followed",
        "a\0b": "cannot be followed",
        "x" * 5000: "cannot be followed",
        "text.safetensors": "text.safetensors is not a readable safetensors file",
        "  ": "or type the path of one",
    }.items():
        found = " ".join(part.value for part in look_at(test, typed).error).replace("\\", "")
        assert said in found and not test.exception, typed
    assert "snapshot" not in test.query_params


def test_a_linked_file_that_is_gone_is_a_sentence_and_a_changed_one_is_read_anew(tmp_path, runs):
    file = runs / "mine.safetensors"
    make_context(3, pool=40).save(file)
    name = snapshot_shelf.link(runs, file)
    assert len(sight.sight_of_file(name).context.pool) == 40
    make_context(4, pool=50).save(file)
    assert len(sight.sight_of_file(name).context.pool) == 50
    file.unlink()
    assert "mine.safetensors is not where it was" in text(page(snapshot=name)).replace("\\", "")


def test_where_no_links_can_be_made_the_file_is_copied(tmp_path, runs, monkeypatch):
    make_context(3).save(tmp_path / "a.safetensors")
    monkeypatch.setattr(Path, "symlink_to", lambda *_: (_ for _ in ()).throw(OSError(1, "not permitted")))
    path = snapshot_shelf.find(runs, snapshot_shelf.link(runs, tmp_path / "a.safetensors")).path
    assert not path.is_symlink() and path.read_bytes() == (tmp_path / "a.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("values", "change", "why", "fisher"),
    [
        ({"pool": 40}, {"h": 0.5}, "All 53 samples are alike in this space: one point", ""),
        ({"pool": 40}, {"h": 0.0}, "are alike in this space (every number is 0)", "(every number is 0)"),
        ({"pool": 40, "dim": 1}, {}, "lie on one line", ""),
        ({"pool": 6, "labelled": 0, "memory": 0}, {}, "6 samples are too few for UMAP", "too few for UMAP"),
        ({"pool": 40}, {"sure": True}, "", "are alike in this space (every number is 0)"),
    ],
)
def test_a_map_that_can_be_no_umap_says_so_at_once(tmp_path, runs, values, change, why, fisher):
    context = make_context(3, **values)
    tables = {}
    for role, samples in context.roles().items():
        h = torch.full_like(samples.h, change["h"]) if "h" in change else samples.h
        p = torch.eye(4)[samples.p.argmax(1)] if change.get("sure") else samples.p
        tables[role] = (h, p)
    write_snapshot(tmp_path / "a.safetensors", **tables, n=5)
    name = kept((tmp_path / "a.safetensors").read_bytes())
    for kind, said in (("umap", why), ("umap-fisher", fisher)):
        test = page(snapshot=name, map=kind)
        assert not test.error and words.plain(said) in text(test)
        assert ("until UMAP is ready" in text(test)) == (not said)
    asked = [path.name for path in projector.home(runs).glob("requests/*")]
    assert all(name.endswith(".umap.json" if not why else ".umap-fisher.json") for name in asked)


@pytest.mark.parametrize("scale", [1e-45, 1e-30, 1e30, 1e38])
@pytest.mark.parametrize("panel", TABS[:3])
def test_a_file_of_tiny_or_huge_features_can_be_looked_at(tmp_path, scale, panel):
    context = make_context(3, pool=40)
    h = {role: (s.h / s.h.max() * scale, s.p) for role, s in context.roles().items()}
    write_snapshot(tmp_path / "a.safetensors", **h, n=5)
    test = page(snapshot=kept((tmp_path / "a.safetensors").read_bytes()), sample="0")
    test.segmented_control(key="panel").set_value(panel).run()
    assert not test.exception and not test.error and "Sample 0" in text(test)


def test_distances_that_would_take_minutes_are_left_to_kcenter(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "MOST_DIFFERENCES", 10)
    test = page(snapshot=kept(snapshot_bytes(tmp_path)))
    assert "distance" not in pool.scores_without_settings(sight.sight_of_file(test.query_params["snapshot"]).context)
    keyed(test, "strategy-").set_value("kcenter").run()
    assert not test.exception and not test.error and "kCenter" in text(test)


def test_the_map_of_the_run_page_says_so_too(tmp_path):
    context, path = make_context(3, pool=40), tmp_path / "a.safetensors"
    context.save(path)
    points, flat = data.feature_map(str(path), 1)
    assert len(points) == 53 and flat == "" and points["y"].std() > 0
    alike = {role: replace(s, h=torch.full_like(s.h, 1e38)) for role, s in context.roles().items()}
    replace(context, **alike).save(path)
    points, flat = data.feature_map(str(path), 2)
    assert "All 53 samples are alike" in flat and not points[["x", "y"]].any(axis=None)
    for h in (torch.full((40, 6), torch.nan), torch.ones(40, 6).bfloat16(), torch.ones(40)):
        save_torch({**load_file(path), "pool.h": h}, path)
        assert data.feature_map(str(path), hash(h.dtype) + h.ndim) is None


def test_what_the_browser_gets_of_huge_and_tiny_scores_is_whole():
    values = np.array([1e-120, 3e38, 1e152, np.nan])
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(lens._packed(values)), "<f8"), values)


def test_a_layout_places_only_what_is_drawn(tmp_path, runs, monkeypatch):
    here = sight.sight_of_file(kept(snapshot_bytes(tmp_path)))
    ids = layout.ids(here.context)
    placed: list[np.ndarray] = []
    near = layout.beside_neighbours

    def spy(x, known, xy, missing):
        placed.append(missing)
        return near(x, known, xy, missing)

    monkeypatch.setattr(layout, "beside_neighbours", spy)
    known = ids[10:]
    places = maps.Places(here.context, "features", (known, np.c_[np.arange(len(known)), np.arange(len(known))]))
    monkeypatch.setattr(layout, "MISSING_AT_ONCE", 9)
    xy = places.of([3, 10, 12])
    assert [m.tolist() for m in placed] == [[3]] and xy[1:].tolist() == [[0, 0], [2, 2]]
    # Few enough now, so all at once, and never again.
    places.of([4])
    assert [m.tolist() for m in placed[1:]] == [[0, 1, 2, *range(4, 10)]]
    assert (places.of(list(range(13)))[[3, 10, 12]] == xy).all() and len(placed) == 2
    nothing = maps.Places(here.context, "features", (np.array([10**9]), np.zeros((1, 2))))
    assert np.isnan(nothing.of([3])).all()


@pytest.mark.parametrize("name", ["nobody", "../../etc", "a.b", "a" * 5000])
def test_an_unknown_snapshot_in_the_link_is_a_sentence(name):
    test = page(snapshot=name)
    assert "drop the file in again" in text(test) and test.button(key="look")
    test.button[0].click().run()
    assert "Why these 10?" in text(test) and "snapshot" not in test.query_params


# -- figures -----------------------------------------------------------------------------------------


def test_the_target_map_marks_the_kept_entries_and_stays_light():
    rng = np.random.default_rng(0)
    past, new, picks = (rng.random((100, 512)) for _ in range(3))
    kept = rng.random((100, 512)) < 0.01
    figure = target_figures.target_map(past, new, kept, [f"class {c}" for c in range(100)], picks)
    assert len(figure.to_json()) < 2_000_000
    order = np.argsort(-(past + new).sum(0), kind="stable")[: target_figures.MOST_DIMS]
    assert len(figure.data[-1].x) == kept[:, order].sum()


def test_the_objective_bars_keep_past_and_new_apart():
    here = recorded_sight()
    settings: Settings = here.recorded
    found = judging.judged_by(here, settings, ["accuacl", "entropy"])[0]
    band, greedy = judging.yardsticks(*here.mark, settings)
    figure = judged_figures.objective(found, band, greedy)
    bars = [trace for trace in figure.data if trace.type == "bar" and trace.showlegend is False]
    (sums,) = (trace for trace in figure.data if trace.type == "scatter")
    total = {name: sum(float(t.x[list(t.y).index(name)]) for t in bars) for name in ("AccuACL", "Entropy")}
    assert dict(zip(sums.y, sums.x, strict=True)) == pytest.approx(total)
    assert total["AccuACL"] == pytest.approx(found["accuacl"].objective.total)
    assert total["Entropy"] == pytest.approx(found["entropy"].objective.total)


def test_the_page_says_where_accuacl_is_worse_than_random():
    here = recorded_sight()
    settings = here.recorded
    found = judging.judged_by(here, settings, ["accuacl"])[0]
    total = found["accuacl"].objective.total
    assert "worse than random" in judging.verdicts(found, np.full(200, total / 2))[0]
    assert judging.verdicts(found, np.full(200, total * 2))[0].startswith("0 of 200")


def test_the_ribbon_figure_has_a_row_for_everyone_ever_picked():
    picked = np.array([[1, 0, 1, 0], [0, 0, 1, 1]], dtype=bool)
    figure = lambda_ribbon.ribbon(np.array([0.0, 1.0]), picked, list("abcd"), 0.5, 0.5)
    assert list(figure.data[0].y) == ["a", "c", "d"]


def test_a_hundred_classes_are_not_all_named_in_legends_and_axes():
    legend = [(f"class {c}", f"#{c:06x}") for c in range(100)]
    assert [name for name, _ in pool._some(legend)] == [f"class {c}" for c in (0, 20, 40, 59, 79, 99)]
    assert pool._some(legend[:20]) == legend[:20]
    figure = target_figures.sample_against_target(
        np.ones(200) / 200, np.ones(200) / 200, [f"c{i // 2}" for i in range(200)]
    )
    assert len(figure.layout.xaxis.ticktext) == 20
    names = {c: f"c{c}" for c in range(100)}
    rows = pd.DataFrame({"label": "AccuACL", "class": list(names), "count": 1})
    assert strategies.class_balance(rows, names, {}).layout.showlegend is False


def test_the_ribbon_shows_pictures_where_its_rows_have_room():
    many = lambda_ribbon.MOST_NAMED_ROWS + 1
    picked, names = np.eye(2, many, dtype=bool), [str(i) for i in range(many)]
    figure = lambda_ribbon.ribbon(
        np.array([0.0, 1.0]), picked, names, 0.5, 0.5, lambda places: [f"p{i}" for i in places]
    )
    assert [(image.source, image.y) for image in figure.layout.images] == [("p0", "0"), ("p1", "1")]
    full = np.ones((2, many), dtype=bool)
    assert not lambda_ribbon.ribbon(
        np.array([0.0, 1.0]), full, names, 0.5, 0.5, lambda places: ["p"] * many
    ).layout.images


def test_nearest_query():
    assert choose_query.nearest((2, 1), [(1, 3), (2, 3), (3, 3)]) == (2, 3)
    assert choose_query.nearest((9, 9), [(1, 3), (2, 3)]) == (2, 3)


def test_torch_stays_out_of_the_ribbon_cache():
    here = recorded_sight()
    lambdas, picked = ribbon.tried_here(here, here.recorded)
    assert isinstance(picked, np.ndarray) and not isinstance(picked, torch.Tensor) and len(lambdas) == 101


def test_an_answer_is_kept_by_all_that_it_depends_on_and_nothing_else(tmp_path, monkeypatch):
    # A file of its own: what is answered here for the sake of the test is kept for no other.
    here, asked = recorded_sight(), []
    here = replace(here, path=Path(shutil.copy(here.path, tmp_path)))
    tried = Microscope.ribbon
    monkeypatch.setattr(Microscope, "ribbon", lambda *given: asked.append("ribbon") or tried(*given))
    monkeypatch.setattr(judging.comparison, "strategies_here", lambda *given: asked.append("strategies") or {})
    nothing = (np.ones(1), 0.0)
    monkeypatch.setattr(judging.comparison, "yardsticks", lambda *given: asked.append("yardsticks") or nothing)
    for change, anew in (
        ({}, ["ribbon", "strategies", "yardsticks"]),
        ({"lambda_": 0.9}, ["strategies", "yardsticks"]),
        ({"oversample": 1.5}, ["ribbon", "strategies"]),
        ({"n": 3}, ["ribbon", "strategies", "yardsticks"]),
        ({"dims_per_class": 2}, ["ribbon", "strategies", "yardsticks"]),
        ({}, []),
    ):
        asked.clear()
        ribbon.tried_here(here, replace(here.recorded, **change))
        judging.judged_here(here, replace(here.recorded, **change))
        # Each strategy is asked by itself.
        assert list(dict.fromkeys(asked)) == anew, change


# -- strategies of others, and scores that say nothing --------------------------------------------------

BAD = """from acl.selection.query import Selection
from acl.strategies.base import Base

class Bad(Base):
    def select(self, context):
        return Selection(context.pool.ids[: context.n - 1])
"""


def test_a_strategy_that_answers_nonsense_is_a_sentence_and_its_line(site):
    path = site.add("strategies", "bad", BAD)
    test = page(run=RECORDED, task="5", round="3", strategy="bad")
    said = "The strategy 'bad' returned 9 ids, 10 were asked for."
    assert [error.value for error in test.error] == [said]
    assert [code.value for code in test.code] == [f"{path}:5: def select(self, context):"]
    # The page can be left: another strategy is chosen.
    keyed(test, "strategy-").set_value("entropy").run()
    assert not test.exception and not test.error and "Entropy instead of AccuACL" in text(test)


def test_among_every_strategy_only_the_bad_one_is_missing(site):
    path = site.add("strategies", "bad", BAD)
    test = page(run=RECORDED)
    test.session_state["panel"] = TABS[1]
    test.run()
    assert not test.exception
    missing = [c.value for c in test.caption if "could not be asked" in c.value]
    said = f"The strategy 'bad' returned 9 ids, 10 were asked for. ({path}:5: def select(self, context):)"
    assert missing == [f"bad could not be asked: {words.plain(said)}"]
    assert test.dataframe[0].value["strategy"].tolist().count("Entropy") == 1


def test_a_score_that_some_samples_lack_can_be_looked_at(site):
    scores = "{'half': torch.where(context.pool.ids % 2 > 0, 1.0, torch.nan)}"
    half = "import torch\n" + BAD.replace("[: context.n - 1])", f"[: context.n], {scores}, {{'half'}})")
    site.add("strategies", "bad", half)
    test = page(
        run=RECORDED, task="5", round="3", strategy="bad", sample=str(recorded_sight().context.pool.ids[0].item())
    )
    assert not test.error and "instead of AccuACL" in text(test)
    test.session_state["inspect-colour"] = "half"
    test.run()
    assert not test.exception and not test.error


def test_scores_that_say_nothing_are_said_above_the_pictures(runs):
    context = with_duplicates(make_context(4, scale=1e4), 30)
    context.save(runs / "alike.safetensors")
    name = snapshot_shelf.keep(runs, "alike.safetensors", (runs / "alike.safetensors").read_bytes())
    test = page(snapshot=name)
    assert "nothing ranks them, and the lowest ids were picked" in text(test)
    keyed(test, "strategy-").set_value("entropy").run()
    assert "the same entropy (0)" in text(test) and "it ranks nothing, and the lowest ids were picked" in text(test)
    keyed(test, "strategy-").set_value("uniform").run()
    assert not test.exception and "Every sample has" not in text(test)
    assert "Every sample has" not in text(page(run=RECORDED))


def test_a_query_of_an_earlier_run_is_shown_and_not_forked(runs):
    run = create(small_config(), runs)
    execute(run)
    assert not keyed(page(run=run.id), "fork-here").disabled
    made_earlier(run)
    assert keyed(page(run=run.id), "fork-here").disabled
