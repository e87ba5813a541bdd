"""Memory for the past and the settings below the plane, without a browser: every state, and what they say."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from acl.analysis.outcomes import record, true_past
from acl.analysis.outcomes.asked import PATHS, Plan
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.work import Work
from acl.runs.folder import Run
from acl.service import measurer
from acl.service.measurer import Measurer
from acl.snapshots import shelf as snapshot_shelf
from app.inspection.panels import stand_in as panel
from app.inspection.panels.outcomes import panel as outcomes
from app.store.runs import live_run
from tests.contexts import make_context
from tests.test_inspect import RECORDED, page
from tests.test_outcomes import played
from tests.test_outcomes_page import opened, said, spec
from tests.tools import every_page_looks_into

AT = (2, 2)
REFERENCE = Plan(subsets=24, sizes=(1.0,), strategies=(), repeats=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Run:
    """A run with sisters, whose query has its paths and the true past measured."""
    runs = tmp_path_factory.mktemp("study") / "runs"
    run = played(runs, strategy="accuacl")
    played(runs, strategy="accuacl", seed=1)
    for plan in (replace(REFERENCE, true_past=True), replace(REFERENCE, paths=tuple(PATHS.items()))):
        work = Work(Query.of(run, AT), plan, runs)
        for piece in work.missing():
            work.step(piece)
    return run


@pytest.fixture
def run(made, runs, monkeypatch) -> Run:
    shutil.copytree(made.path.parent, runs)
    every_page_looks_into(runs, monkeypatch)
    live_run.clear()
    run = Run(runs / made.id)
    # What lies outside the run folder is named after where that is.
    shutil.copytree(record.elsewhere(made, AT, made.path.parent).parent, record.elsewhere(run, AT, runs).parent)
    return run


def test_the_panel_says_what_is_kept_and_where_it_lands(run):
    found = true_past.load(run, AT, run.path.parent)
    text = said(opened(run, AT, panel=panel.TITLE))
    assert f"lies {found.distance:.2f} from the true past" in text
    both = len(set(found.picks) & set(found.memory_picks))
    assert f"pick {both or 'none'} of the same {len(found.picks)} samples" in text
    assert f"AccuACL's {len(found.picks)} with the true past" in text and "random ones" in text
    dots = {series["id"] for series in spec(opened(run))["series"] if "id" in series}
    assert any(name.startswith("true_past:") for name in dots)


def test_it_is_asked_for_and_answered_through_the_measurer(run):
    runs, at = run.path.parent, (2, 1)
    test = opened(run, at, panel=panel.TITLE)
    assert "The target knows the past by the memory alone" in said(test)
    test.button(key="stand-in-go").click().run()
    wish = measurer.Wish(run.path, at, panel.PLAN)
    assert measurer.is_asked(runs, wish) and not test.exception
    worker = Measurer(runs)
    # The profiles are there before anything is measured.
    assert worker.step() and true_past.load(run, at, runs) is not None
    assert "from the true past" in said(test.run())
    shutil.rmtree(run.path / "tasks" / "02")
    wish_before = measurer.Wish(run.path, (2, 3), panel.PLAN)
    measurer.cancel(runs, wish)
    measurer.ask(runs, wish_before)
    Measurer(runs).step()
    assert "kept no model of the start of task 2" in said(opened(run, (2, 3), panel=panel.TITLE))


def test_where_it_is_not_known_one_sentence_says_so(run, tmp_path):
    assert panel.NO_PAST in said(opened(run, (1, 1), panel=panel.TITLE))
    bare = played(run.path.parent, learner="finetune")
    assert panel.NO_MEMORY in said(opened(bare, AT, panel=panel.TITLE))
    theirs = tmp_path / "theirs.safetensors"
    make_context(3, pool=40, n=4).save(theirs)
    name = snapshot_shelf.keep(run.path.parent, theirs.name, theirs.read_bytes(), None)
    test = page(snapshot=name)
    test.segmented_control(key="panel").set_value(panel.TITLE).run()
    assert panel.NO_RUN in said(test) and not test.exception


def test_a_path_is_a_series_in_the_order_of_its_values(run):
    found = {series.get("id"): series for series in spec(opened(run))["series"]}
    assert {"dims_per_class", "oversample", "n"} <= found.keys() and "seed" not in found
    assert [point["tooltip"]["formatter"].split("</b>")[0] for point in found["dims_per_class"]["data"]] == [
        f"<b>{value:g} entries a class" for value in PATHS["dims_per_class"]
    ]
    assert found["dims_per_class"]["type"] == "line" and found["dims_per_class"]["lineStyle"]["type"] == "dashed"


def test_what_a_setting_moved_what_changes_nothing_and_chance(run):
    test = opened(run)
    text = said(test)
    assert "Fisher entries 1 to 20: net between" in text and "Oversample 1 to 5: net between" in text
    assert "Seed: AccuACL draws nothing at random" in text and test.button(key="outcome-seed").disabled
    assert not test.button(key="outcome-n").disabled
    assert "2 runs that differ in their seed alone overlap in this query by" in text
    other = opened(played(run.path.parent, strategy="uniform", seed=5))
    assert "Fisher entries, Oversample: Uniform does not use this" in said(other)
    assert other.button(key="outcome-oversample").disabled and not other.button(key="outcome-seed").disabled
    assert "With 5 seeds of its own draws Uniform overlaps with itself by" in said(other)


def test_a_recorded_run_shows_both(runs, monkeypatch):
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)
    for name in (panel.TITLE, outcomes.TITLE):
        test = page(run=RECORDED, task="3", round="1")
        test.segmented_control(key="panel").set_value(name).run()
        assert not test.exception
