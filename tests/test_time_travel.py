"""Steering, forks, rewind and choosing by hand on the pages: what they show and what they ask for."""

from __future__ import annotations

import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from acl.config import EARLIER, UserError
from acl.events import Bought, History, Row, Scored, Started, Steered, place_after, to_line
from acl.results.table import finished_runs
from acl.runs.archive import as_bytes
from acl.runs.control import read_control, read_status, request, write_status
from acl.runs.folder import Run, create, list_runs
from acl.runs.fork import changes_at, fork, places
from acl.service.worker import Worker, execute
from acl.steering import Choice
from app import words
from app.charts import run as charts
from app.inspection import choose_query
from app.library import page as shelf
from app.run import beside, replay, rewind
from app.run import by_hand as hands
from app.run import page as live
from app.run import steering as steer
from app.run import verification as checking
from app.store import runs as data
from app.store import session as state
from app.words import of_events
from tests.conftest import small_config
from tests.test_precision import made_earlier
from tests.test_steering import new_loop, play
from tests.tools import every_page_looks_into, wait_for

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_backend(monkeypatch, runs):
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=30)
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(str(ROOT / "pages" / f"{name}.py")).run()
    assert not test.exception
    return test


def text(test: AppTest) -> str:
    return " ".join(str(part.value) for part in [*test.markdown, *test.caption, *test.error, *test.info])


def finished(runs: Path, **values) -> Run:
    run = create(small_config(**values), runs)
    execute(run)
    return run


def paused_at(runs: Path, until: tuple[int, int, str]) -> Run:
    """A run whose worker was ended while it held there; its status says paused."""
    run = create(small_config(), runs)
    request(run.path, mode="play", until=until)
    worker = Worker(run)
    status: list = []

    def stop_there() -> None:
        if worker.wishes.held:
            status.append(replace(worker.report.say("paused")))
            request(run.path, mode="stop")
        obey()

    obey, worker.wishes.obey = worker.wishes.obey, stop_there
    worker.work()
    worker.close()
    write_status(run.path, status[0])
    request(run.path, mode="pause", until=None)
    return run


def button(test: AppTest, label: str):
    return next(b for b in test.button if b.label.startswith(label))


# -- steering ----------------------------------------------------------------------------------------


def test_a_change_on_the_page_is_what_is_wanted_of_the_run(runs):
    run = paused_at(runs, (1, 1, "evaluate"))
    test = page("run", run=run.id)
    assert button(test, "Nothing is changed yet").disabled
    widget = next(s for s in test.selectbox if str(s.key).endswith("-strategy"))
    widget.set_value("badge").run()
    next(n for n in test.number_input if str(n.key).endswith("-query")).set_value(3).run()
    button(test, "Change: strategy BADGE, labels per round 3").click().run()
    assert not test.exception
    assert read_control(run.path).changes == {"strategy": "badge", "n_query": 3}
    assert "from the next query on: strategy BADGE, labels per round 3" in text(test)
    assert "Asked for, and waiting for the next query: strategy BADGE, labels per round 3." in text(test)
    assert button(test, "Nothing more is changed").disabled
    execute_from_pause(run)
    assert [e.changes for e in run.history().of(Steered)] == [{"strategy": "badge", "n_query": 3}]


def execute_from_pause(run: Run) -> None:
    request(run.path, mode="play", until=None)
    execute(run)


def test_the_popover_begins_with_what_was_asked_for(runs):
    run = finished(runs)
    control = replace(read_control(run.path) or request(run.path), changes={"lambda": 0.2, "learner": "gss"})
    assert steer.wanted(run.config, run.history(), control) == run.config  # a learner cannot: none of it holds
    control = replace(control, changes={"lambda": 0.2})
    assert steer.wanted(run.config, run.history(), control).lambda_ == 0.2


def test_a_steered_run_is_marked_on_its_curves_and_offers_a_ghost(runs):
    child = fork(finished(runs), (2, 2), {"strategy": "uniform"}, runs)
    execute(child)
    test = page("run", run=child.id)
    assert "From task 2, round 2 on: strategy Uniform" in text(test)
    button(test, "What would have happened?").click().run()
    assert not test.exception
    (ghost,) = data.ghosts_of(child, runs)
    assert ghost.parent.ghost and read_control(ghost.path).mode == "play"
    assert not any(b.label.startswith("What would") for b in test.button)
    execute(ghost)
    history = child.history()
    rounds = data.rounds_of_tasks(history, child.config)
    # Round 2 of task 2 begins where round 1 ended: two of four steps into the task.
    assert live._marks(child, history, rounds) == [(1.5, "fork, strategy Uniform")]


def test_a_chart_draws_marks_and_other_runs_without_moving_the_axes():
    table = pd.DataFrame({"x": [1.0, 2.0], "final": [True, True], "task_1": [90.0, 80.0], "task_2": [None, 70.0]})
    plain, full = charts.accuracy_chart(table, 2), charts.accuracy_chart(table, 2, [(1.5, "λ 0.2")], [table, table])
    assert (plain["xAxis"], plain["yAxis"], plain["grid"]) == (full["xAxis"], full["yAxis"], full["grid"])
    lines = [s for s in full["series"] if s.get("markLine")]
    assert [line["xAxis"] for s in lines for line in s["markLine"]["data"]] == [1.5]
    faint = [s for s in full["series"] if s["name"].startswith("other")]
    assert len(faint) == 4 and {s["datasetIndex"] for s in faint} == {2, 3}


def test_rounds_of_a_steered_task_are_those_it_had():
    events = play(new_loop(), {(1, 2): {"n_query": 2}, (2, 1): {"n_end": 8}})
    history = History(Row(i, 0.0, e) for i, e in enumerate(events))
    assert data.rounds_of_tasks(history, small_config()) == {1: 4, 2: 1}
    xs = data.accuracy_table(history, data.rounds_of_tasks(history, small_config()))["x"].tolist()
    assert xs == [0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0]


def test_runs_led_by_hand_never_enter_the_table_silently(runs):
    plain = finished(runs)
    steered = fork(plain, (2, 1), {"lambda": 0.0}, runs)
    execute(steered)
    by_hand = create(small_config(seed=1), runs)
    first = next(e for e in play(new_loop(seed=1)) if isinstance(e, Scored)).ids
    request(by_hand.path, mode="play", choice=Choice(1, 1, first[:1], [None]))
    execute(by_hand)
    kept, left_out = finished_runs([], runs)
    assert [run.id for run in kept] == [plain.id]
    said = " ".join(left_out)
    assert "steered at 2.1" in said and "chosen by hand at 1.1" in said


# -- forks -------------------------------------------------------------------------------------------


def form(run: Run, at: str = "None", suggested: str = "{}") -> AppTest:
    """What the dialog holds; a test without a browser loses a dialog at its first rerun."""
    lines = ["from pathlib import Path", "from acl.runs.folder import Run", "from app.widgets import fork_dialog"]
    lines.append(f"fork_dialog.form(Run(Path({str(run.path)!r})), {at}, {suggested})")
    return AppTest.from_string("\n".join(lines), default_timeout=30).run()


def test_forking_makes_a_child_that_plays(runs, monkeypatch):
    opened = []
    monkeypatch.setattr("app.widgets.fork_dialog.open_run", opened.append)
    run = finished(runs)
    test = page("run", run=run.id)
    button(test, "Fork").click().run()
    assert test.selectbox(key="fork-at").value == (2, 3)
    test = form(run)
    test.selectbox(key="fork-at").set_value((2, 1)).run()
    next(s for s in test.selectbox if str(s.key).startswith("fork-(2, 1)")).set_value("entropy").run()
    button(test, "Fork and play").click().run()
    (child,) = opened
    assert child.parent.task == 2 and child.parent.changes == {"strategy": "entropy"}
    assert read_control(child.path).mode == "play"
    execute(child)
    test = page("run", run=child.id)
    assert "from 2.1" in text(test) and "strategy Entropy from task 2" in text(test)


def test_a_recording_can_be_forked():
    run = Run(state.RECORDED / "recorded-er-accuacl-digits-s0")
    assert places(run.history())[-1] == (5, 3) and run.base(5).exists()


def test_the_library_shows_forks_below_the_run_they_left(runs):
    parent = finished(runs)
    child = fork(parent, (2, 1), {"lambda": 0.0}, runs)
    grandchild = fork(child, (1, 1), {}, runs)
    other = finished(runs, seed=3)
    order = [run.id for run in shelf.as_tree(list_runs(runs))]
    assert order == [other.id, parent.id, child.id, grandchild.id]
    assert shelf._row(child)["fork"] == "↳ from 2.1: λ 0"
    assert shelf._row(grandchild)["fork"] == "\u2003↳ from 1.1"
    test = page("library")
    assert not test.exception
    shutil.rmtree(parent.path)
    assert shelf._row(child)["fork"] == "↳ from 2.1 of a deleted run: λ 0"
    assert [run.id for run in shelf.as_tree(list_runs(runs))] == [other.id, child.id, grandchild.id]


def test_inspect_forks_with_the_settings_that_are_shown(runs, monkeypatch):
    run = finished(runs)
    test = page("inspect", run=run.id, task="2", round="2", **{"lambda": "0.25"})
    button(test, "Fork here").click().run()
    assert test.selectbox(key="fork-at").value == (2, 2)
    assert "Changed from there on: **λ 0.25**" in text(test)


def test_what_the_chosen_strategy_does_not_use_is_disabled_and_not_asked_for(runs):
    run = finished(runs)
    test = form(run, "(2, 1)", str({"strategy": "entropy", "lambda": 0.25, "oversample": 3.0}))
    weight = next(s for s in test.slider if s.label.startswith("λ"))
    assert weight.disabled and "Changed from there on: **strategy Entropy**" in text(test)
    says = words.plain("Entropy does not use this: it is for AccuACL")
    assert any(says in toggle.help for toggle in test.toggle)
    next(n for n in test.number_input if n.label == "Label budget per task").set_value(6).run()
    assert next(n for n in test.number_input if n.label == "Labels per query round").disabled
    next(s for s in test.selectbox if s.label == "Query strategy").select("accuacl").run()
    next(n for n in test.number_input if n.label == "Label budget per task").set_value(16).run()
    assert "Changed from there on: **λ 0.25, oversample 3**" in text(test)


# -- rewind ------------------------------------------------------------------------------------------


def test_where_a_task_begins_a_fork_may_have_another_memory(runs, monkeypatch):
    opened = []
    monkeypatch.setattr("app.widgets.fork_dialog.open_run", opened.append)
    run = finished(runs)
    assert not [n for n in form(run, "(2, 1)").number_input if n.label == "Memory size"]
    test = form(run, "(2, 0)")
    next(n for n in test.number_input if n.label == "Memory size").set_value(3).run()
    assert "Changed from there on: **memory 3**" in text(test)
    button(test, "Fork and play").click().run()
    (child,) = opened
    assert child.parent.changes == {"memory": 3} and (child.parent.task, child.parent.round) == (2, 0)
    execute(child)
    assert "memory 3 from task 2" in text(page("run", run=child.id))


def test_a_fork_from_no_memory_may_say_how_one_is_kept(runs, monkeypatch):
    opened = []
    monkeypatch.setattr("app.widgets.fork_dialog.open_run", opened.append)
    run = finished(runs, memory=0)
    test = form(run, "(2, 0)")
    assert not [s for s in test.selectbox if s.label == "Memory policy"]
    next(n for n in test.number_input if n.label == "Memory size").set_value(3).run()
    policy = next(s for s in test.selectbox if s.label == "Memory policy")
    policy.select("balanced" if run.config.memory_policy == "reservoir" else "reservoir").run()
    button(test, "Fork and play").click().run()
    assert set(opened[0].parent.changes) == {"memory", "memory_policy"}


def test_while_it_plays_the_memory_of_the_next_task_can_be_asked_for(runs):
    run = paused_at(runs, (1, 1, "evaluate"))
    test = page("run", run=run.id)
    next(n for n in test.number_input if n.label == "Memory size").set_value(4).run()
    button(test, "Change: memory 4").click().run()
    assert read_control(run.path).changes == {"memory": 4}
    assert "from the next task on: memory 4" in text(test)


def test_rewound_the_page_shows_the_past_and_plays_on_from_there(runs):
    run = finished(runs)
    test = page("run", run=run.id)
    assert "after task 2, round 3" not in text(test)
    button(test, "Rewind").click().run()
    slider = next(s for s in test.select_slider if s.label == "As it was after")
    wanted = next(o for o in slider.options if o.endswith("task 1, round 3: tested"))
    slider.set_value(wanted).run()
    assert "As it was after task 1, round 3: tested" in text(test)
    test.segmented_control(key="details").set_value("Memory").run()
    assert "10 samples after task 1" in text(test)
    button(test, "Play from here").click().run()
    assert test.selectbox(key="fork-at").value == (2, 0)
    test.run()
    button(test, "Back to now").click().run()
    assert "As it was" not in text(test)
    test.segmented_control(key="details").set_value("Memory").run()
    assert "10 samples after task 2" in text(test)


def test_every_event_has_a_place_to_go_on_from():
    events = play(new_loop(), {(1, 2): {"lambda": 0.1}})
    there = set(places(History(Row(i, 0.0, e) for i, e in enumerate(events))))
    for event in events:
        if event.kind != "epoch":
            place = place_after(event)
            last = event.kind == "finished" or getattr(event, "task", 0) == 2
            assert place in there or (last and place in {None, (3, 0)}), event
    assert place_after(events[0]) == (1, 0) and isinstance(events[0], Started)


# -- you choose --------------------------------------------------------------------------------------


def test_a_query_that_waits_can_be_decided_by_hand(runs):
    run = paused_at(runs, (1, 2, "score"))
    query = run.history().of(Scored)[-1]
    assert hands.waiting(run.history(), read_status(run.path)) == query
    test = page("run", run=run.id)
    button(test, "Choose or label by hand").click().run()
    assert not test.exception and "the keys shown label" in text(test)
    cards = hands.cards(run, query, run.history())
    assert [c["id"] for c in cards["cards"][:4]] == [str(i) for i in query.ids] == cards["picks"]
    assert len(cards["cards"]) == hands.MOST_CARDS < query.pool and cards["most"] == 4
    assert cards["numbers"] == [0, 1, 2, 3, 4] and cards["url"].startswith("data:image/webp")
    assert cards["chosen"] == cards["picks"] and cards["given"] == []
    others = [int(c["id"]) for c in cards["cards"][4:7]]
    again = hands.cards(run, query, run.history(), Choice(1, 2, others, [None, 3, 0]))
    assert again["chosen"] == [str(i) for i in others] and again["picks"] == cards["picks"]
    assert again["given"] == [[str(others[1]), 3], [str(others[2]), 0]]
    assert hands.cards(run, query, run.history(), Choice(1, 1, others, [None, 3, 0])) == cards


def test_digits_are_their_own_keys():
    assert hands.keys([2, 3, 0, 1], {c: f"class {c}" for c in range(10)}) == ["2", "3", "0", "1"]
    assert hands.keys([1, 0], {0: "cat", 1: "dog"}) == ["1", "2"]
    assert hands.keys(list(range(12)), {c: f"class {c}" for c in range(12)}) == list("123456789")


def test_a_fork_after_a_change_keeps_it_and_one_before_says_what_is_left_out(runs):
    run = create(small_config(), runs)
    request(run.path, mode="pause", changes={"strategy": "uniform"})
    request(run.path, mode="play")
    execute(run)
    history = run.history()
    (steered,) = history.of(Steered)
    place = steered.task, steered.round
    assert changes_at(place, [row.event for row in history.rows]) == {"strategy": "uniform"}
    assert changes_at((2, 1), [row.event for row in history.rows]) == {}

    def form(run, place, suggested):
        from app.widgets import fork_dialog as forking

        forking.form(run, place, suggested)

    before = AppTest.from_function(form, args=(run, place, {})).run()
    assert "without the change made there (strategy Uniform)" in text(before)
    after = AppTest.from_function(form, args=(run, place, {"strategy": "uniform"})).run()
    assert "Changed from there on: **strategy Uniform**" in text(after)


def test_without_scores_the_rest_of_the_pool_can_still_be_chosen(runs):
    run = paused_at(runs, (1, 2, "score"))
    query = run.history().of(Scored)[-1]
    with_scores = hands.order(run, query, run.history())
    run.scores(1, 2).unlink()
    without = hands.order(run, query, run.history())
    assert without[:4] == query.ids and sorted(without) == sorted(with_scores) and len(without) == query.pool


def test_between_other_phases_nothing_waits_for_a_hand(runs):
    run = paused_at(runs, (1, 2, "buy"))
    assert hands.waiting(run.history(), read_status(run.path)) is None
    assert hands.waiting(History(), None) is None


def test_a_hidden_label_never_reaches_the_browser(runs):
    run = paused_at(runs, (1, 1, "score"))
    query = run.history().of(Scored)[-1]
    bought = {i for e in run.history().of(Bought) for i in e.ids}
    cards = hands.cards(run, query, run.history())["cards"]
    assert all(set(card) == {"id", "title", "line", "hint"} and card["title"] == "?" for card in cards)
    assert not bought & {int(card["id"]) for card in cards}


# -- words -------------------------------------------------------------------------------------------


def test_the_story_tells_who_changed_and_who_chose():
    loop = new_loop()
    events = play(loop, {(1, 2): {"strategy": "badge", "n_query": 2}, (1, 3): {"n_end": 6}})
    told = [sentence for _, sentence in words.story(History(Row(i, 0.0, e) for i, e in enumerate(events)))]
    assert "Task 1, round 2: changed from here on: strategy BADGE, labels per round 2." in told
    assert "Task 1, round 3: the budget is spent: no label was bought." in told
    event = Bought(1, 1, [4, 5], [0, 1], "human", 8, [9], [5])
    said = of_events._sentence(event, [], {0: "cat", 1: "dog"})
    expected = "chosen by a human, 1 picks replaced; 2 samples were labelled, 1 by hand: 1 of cat, 1 of dog."
    assert said == f"Task 1, round 1: {expected}"


def test_a_fork_that_cannot_be_had_is_a_sentence(runs, monkeypatch):
    test = form(finished(runs))

    def refuse(*args, **kwargs):
        raise UserError("The runs folder is full.")

    monkeypatch.setattr("app.widgets.fork_dialog.fork", refuse)
    button(test, "Fork and play").click().run()
    assert not test.exception and "The runs folder is full." in text(test)


def test_a_run_that_has_nothing_to_fork_says_so(runs):
    assert "nothing to go on from" in text(form(create(small_config(), runs)))


# -- the library's zip ---------------------------------------------------------------------------------


def test_a_run_is_imported_in_the_library(runs, monkeypatch):
    run = finished(runs)
    packed = as_bytes(run)
    shutil.rmtree(run.path)
    test = page("library")
    test.file_uploader(key="import-file").upload("run.zip", packed, "application/zip").run()
    button(test, "Import it").click().run()
    assert not test.exception and [r.id for r in list_runs(runs)] == [run.id]
    test.file_uploader(key="import-file").upload("bad.zip", b"no zip", "application/zip").run()
    button(test, "Import it").click().run()
    assert not test.exception and "not a zip that can be read" in text(test)


def test_the_page_keeps_looking_while_a_ghost_runs_or_the_run_is_verified(runs, monkeypatch):
    run = finished(runs)
    status = read_status(run.path)
    assert live._rhythm(run, status) is None
    ghost = fork(run, (2, 1), {}, runs, ghost=True)
    write_status(ghost.path, replace(status, state="playing"))
    assert live._rhythm(run, status) == state.POLL_S
    write_status(ghost.path, status)
    monkeypatch.setattr("app.run.verification.busy", lambda run: True)
    assert live._rhythm(run, status) == state.POLL_S


def test_verify_on_the_page_works_the_run_out_again_and_says_so(runs, monkeypatch, tmp_path):
    run = finished(runs)
    # A shared folder is everybody's: no name is left in it that another could have guessed, or put a link at.
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "shared"))
    test = page("run", run=run.id)
    test.segmented_control(key="details").set_value("Settings").run()
    button(test, "Verify").click().run()
    assert "Working the run out again" in text(test)
    assert not list((tmp_path / "shared").glob("acl*"))
    wait_for(lambda: not checking.busy(run))
    test.run()
    assert "Bit for bit the same" in text(test)
    run.snapshot(2, 2).write_bytes(b"x")
    button(test, "Verify").click().run()
    wait_for(lambda: not checking.busy(run))
    test.run()
    assert "It differs. Task 2, round 2" in text(test)
    (run.path / "config.json").rename(run.path / "config.gone")
    checking._start(run)
    wait_for(lambda: not checking.busy(run))
    with checking._checks()[run.id].said:
        assert checking._checks()[run.id].last_words.startswith("There is no run")


def test_verify_says_how_far_it_is_on_whatever_page_and_can_be_cancelled(runs):
    run = create(small_config(epochs=60), runs)
    execute(run)
    checking._start(run)
    check = checking._checks()[run.id]
    shares = set()

    def seen() -> bool:
        shares.add(check.progress)
        return len(shares - {"", "0 %"}) > 1

    wait_for(seen, 60)
    assert all(re.fullmatch(r"\d+ %(, task \d, round \d)?(, [\d:]+ left)?", share) for share in shares - {""}), shares
    assert any("left" in share for share in shares) and any("task" in share for share in shares), shares
    check.process.send_signal(signal.SIGSTOP)  # it would be done before the page is drawn
    # Another tab, or the same one back from another page, sees the same check.
    test = page("run", run=run.id)
    test.segmented_control(key="details").set_value("Settings").run()
    assert "Working the run out again: " in text(test)
    button(test, "Cancel").click().run()
    check.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not checking.busy(run))
    test.run()
    assert "Cancelled, nothing of the run was changed." in text(test)
    assert not any(b.label == "Cancel" for b in test.button) and not (run.path / "verified.json").exists()


# -- runs of an earlier version ----------------------------------------------------------------------


def test_nothing_on_its_page_goes_on_with_an_earlier_run(runs):
    run = made_earlier(paused_at(runs, (1, 2, "score")))
    steer_events = [*(row.event for row in run.history().rows), Steered(1, 2, {"n_query": 3})]
    run.events.write_text("".join(to_line(event, seq, 0.0) for seq, event in enumerate(steer_events)))
    test = page("run", run=run.id)
    test.segmented_control(key="details").set_value("Settings").run()
    assert EARLIER in text(test) and not test.exception
    labels = {b.label: b.disabled for b in test.button}
    assert not {"Play", "Step", "Choose or label by hand"} & labels.keys()
    assert all(labels[label] for label in ("Fork", "Verify", "What would have happened?"))


# -- what a run is called -----------------------------------------------------------------------------


def test_a_run_that_was_led_says_so_wherever_it_is_named(runs):
    plain = finished(runs)
    assert words.title(plain) == words.run_title(plain.config)
    child = fork(plain, (2, 2), {"lambda": 0.0}, runs)
    execute(child)
    said = words.title(child)
    assert said == f"{words.run_title(plain.config)} · fork of {plain.id[-4:]} from 2.2 · λ 0 from task 2, round 2"
    assert "-fork-" in child.id
    by_hand = Bought(2, 1, [1, 2, 3], [0, 0, 1], "human", 5, [7, 8], [1])
    history = History([Row(0, 0.0, by_hand), Row(1, 0.0, Steered(2, 1, {"lambda": 0.0}))])
    done = data.interventions(history)
    assert words.happened(None, done) == ["λ 0 from task 2", "2 picks and 1 label by hand"]
    other = history.rows + [Row(2 + i, 0.0, Steered(3, i, {"n_query": i})) for i in (1, 2)]
    assert words.happened(None, data.interventions(History(other)))[0] == "3 changes of settings"
    # Title of the page, menu of Inspect, cards of the first page, row and title of the Library.
    fragment = "λ 0 from task 2"
    assert fragment in " ".join(m.value for m in page("run", run=child.id).markdown)
    assert fragment in choose_query.run_names({child.id: child})[child.id]
    assert any(fragment in b.label for b in page("start").button)
    assert fragment in shelf._row(child)["changed"] and fragment in shelf._title(child)


def test_the_dashed_run_is_named_and_says_how_much_more_it_kept(runs):
    parent = finished(runs)
    child = fork(parent, (2, 2), {"strategy": "uniform"}, runs)
    execute(child)
    other = beside.beside(child, child.history())
    assert other.run.id == parent.id and other.said == "the run this one is a fork of"
    ghost = fork(child, (2, 2), {}, runs, ghost=True)
    other = beside.beside(child, child.history())
    assert other.run.id == ghost.id and beside.beside(ghost, ghost.history()).said == "with the change"
    table = pd.DataFrame({"x": [1.0, 1.5, 2.0], "when": ["after task 1", "task 2, round 1", "after task 2"]})
    ours, theirs = table.assign(kept=[90.0, 80.0, 70.0]), table.assign(kept=[90.0, 80.0, 71.5])
    said = "Dashed: without this change. After task 2: 1.5 points more kept without the change."
    assert beside.caption(other, ours, theirs, 1.5) == said
    assert beside.caption(other, ours, theirs.iloc[:2], 1.5) == "Dashed: without this change."
    assert "as much kept" in beside.caption(other, ours, ours, 1.5)
    test = page("run", run=child.id)
    assert sum("Dashed" in c.value for c in test.caption) == 1


def test_a_fork_keeps_the_pace(runs):
    run = paused_at(runs, (1, 2, "evaluate"))
    request(run.path, pace=1.0)
    test = page("run", run=run.id)
    button(test, "Fork").click().run()
    button(test, "Fork and play").click().run()
    assert not test.exception
    (child,) = [other for other in list_runs(runs) if other.id != run.id]
    assert read_control(child.path).pace == 1.0


# -- played again -------------------------------------------------------------------------------------


def test_a_recording_plays_at_its_pace_and_the_slider_follows(monkeypatch):
    recorded = Run(state.RECORDED / "recorded-er-accuacl-digits-s0")
    facts = rewind.facts(recorded.history())
    clock = [100.0]
    monkeypatch.setattr(replay.time, "monotonic", lambda: clock[0])
    test = page("run", run=recorded.id)
    button(test, "Play").click().run()
    assert test.select_slider[0].value.startswith("1 · the beginning")
    for number in (2, 3, 4):
        test.run()
        assert test.select_slider[0].value.startswith(f"{number - 1} · ")  # it was drawn for another reason
        clock[0] += 0.3
        test.run()
        assert test.select_slider[0].value.startswith(f"{number} · ")
    button(test, "Pause").click().run()
    clock[0] += 10
    test.run()
    assert test.select_slider[0].value.startswith("4 · ")
    button(test, "Step").click().run()
    assert test.select_slider[0].value.startswith("5 · ") and not test.exception
    # At its end it pauses, and Play begins anew.
    test.session_state[f"rewound-{recorded.id}"] = facts[-2].seq
    button(test, "Play").click().run()
    clock[0] += 0.3
    test.run()
    assert test.select_slider[0].value.startswith(f"{len(facts)} · ")
    button(test, "Play").click().run()
    assert test.select_slider[0].value.startswith("1 · ")
