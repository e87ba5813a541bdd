"""The pages without a browser: every state a run can be in, and the helpers behind the widgets."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from acl.config import RunConfig, UserError
from acl.events import Bought, Epoch, Evaluated, History, Row, Started, TaskStarted, to_line
from acl.plugins.registry import discover, in_order
from acl.plugins.unused import unused
from acl.presets import preset_config
from acl.runs.control import Control, Status, read_control, request, write_status
from acl.runs.folder import Run, create, delete, list_runs
from acl.service.worker import execute
from app import launch, words
from app.charts import palette
from app.charts import run as charts
from app.charts.score_plane import axis
from app.run import details
from app.run import newest_query as close_up
from app.run import page as live
from app.run.transport import target
from app.store import runs as data
from app.store import session as state
from app.widgets.gallery import Card, cards_html, sprite
from tests.conftest import small_config
from tests.tools import every_page_looks_into

BAD = """from acl.selection.query import Selection
from acl.strategies.base import Base

class Bad(Base):
    def select(self, context):
        return Selection(context.pool.ids[: context.n - 1])
"""
ROOT = Path(__file__).resolve().parent.parent
N_RECORDED = len(list_runs(state.RECORDED))


@pytest.fixture(autouse=True)
def no_backend(monkeypatch, runs):
    """Pages are drawn without starting processes, on an empty runs folder."""
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
    parts = [*test.markdown, *test.caption, *test.error, *test.info]
    return " ".join(str(part.value) for part in parts)


# -- states --------------------------------------------------------------------------------------------


def test_the_first_page_offers_a_run_and_the_recordings():
    test = page("start")
    labels = [button.label for button in test.button]
    assert "Start the run" in labels and sum("kept" in label for label in labels) == N_RECORDED
    assert test.selectbox(key="preset").value == "digits-demo"


def test_a_run_nobody_has_taken_yet(runs):
    run = create(small_config(), runs)
    assert "Waiting for the backend" in text(page("run", run=run.id))


def test_a_finished_run_shows_its_sum_and_all_charts(runs):
    run = create(small_config(), runs)
    execute(run)
    test = page("run", run=run.id)
    summary = run.summary
    learned, kept = 100 * summary["LA"], 100 * summary["A"]
    assert f"{learned:.1f} % learned" in text(test) and f"{kept:.1f} % kept" in text(test)
    specs = [json.loads(chart.proto.spec) for chart in test.get("echarts_chart")]
    assert len(specs) == 5
    labels = [button.label for button in test.button]
    assert "Play" in labels and "Stop" not in labels  # it can be watched again, not gone on with


def test_every_tab_shows_the_pace_that_was_set_last(runs):
    run = create(small_config(), runs)
    request(run.path, pace=0.3)
    one, other = page("run", run=run.id), page("run", run=run.id)

    def pace(tab):
        return next(box for box in tab.selectbox if box.label == "Pace")

    def press(tab, label):
        next(button for button in tab.button if button.label == label).click().run()
        assert not tab.exception

    for step, chosen in enumerate((2.0, 0.3, 2.0), 2):
        request(run.path, pace=chosen)
        press(one, ("Pause", "Play")[step % 2])
        assert read_control(run.path).pace == pace(one).value == chosen
        assert read_control(run.path).seq == 2 * step - 1
    press(other, "Play")
    assert pace(other).value == 2.0
    pace(other).select(1.0).run()
    press(one, "Pause")
    assert read_control(run.path).pace == pace(one).value == pace(other).value == 1.0


def test_a_run_in_its_first_training_with_a_half_last_line(runs):
    run = create(small_config(), runs)
    events = [
        Started("SplitDigits", list("0123456789"), [{"classes": [0, 1], "pool": 9, "test": 2}] * 5, "cpu"),
        TaskStarted(1, [0, 1], 9, 0),
        Bought(1, 0, [3, 5], [0, 1], "start", 2),
        Epoch(1, 0, 1, 0.7),
    ]
    lines = [to_line(event, i, 0.0) for i, event in enumerate(events)]
    run.events.write_text("".join(lines) + '{"seq": 4, "t"')
    write_status(
        run.path, Status("playing", task=1, phase="train", epoch=1, epochs=3, device="cpu", images_per_s=5400.0)
    )
    test = page("run", run=run.id)
    assert "task 1 of 5 · first labels · training, epoch 1 of 3" in text(test) and "5,400 img/s · CPU" in text(test)
    assert "No query yet" in text(test)


def test_a_plug_in_that_failed_is_a_sentence_and_its_line(site, runs):
    path = site.add("strategies", "bad", BAD)
    run = create(small_config(strategy="bad"), runs)
    with pytest.raises(UserError):
        execute(run)
    test = page("run", run=run.id)
    assert [e.value for e in test.error] == [
        "The strategy 'bad' returned 3 ids, 4 were asked for. Every finished round is kept."
    ]
    assert f"{path}:5: def select(self, context):" in [code.value for code in test.code]


def test_what_a_plug_in_says_is_shown_as_it_is(site, runs):
    """Markdown in it is no markup."""
    said = "raise ValueError('Mine.__init__ got [a](b), **kwargs and $1 :red[x]')"
    site.add("strategies", "bad", BAD.replace("return Selection(context.pool.ids[: context.n - 1])", said))
    run = create(small_config(strategy="bad"), runs)
    with pytest.raises(UserError):
        execute(run)
    shown = page("run", run=run.id).error[0].value
    assert r"Mine.\_\_init\_\_ got \[a\](b), \*\*kwargs and \$1 \:red\[x\]" in shown


def test_a_dataset_that_is_none_is_said_in_the_form(site):
    site.add("datasets", "bad", "from acl.datasets.base import Base\nclass Bad(Base):\n    def load(self): return 3\n")
    test = page("start")
    test.selectbox(key="new-digits-demo-dataset").set_value("bad").run()
    assert not test.exception
    assert [e.value for e in test.error] == ["The dataset 'bad' must load an ImageSet, it loaded an int."]
    assert [code.value for code in test.code] == [f"{site.folder / 'foreign_bad.py'}:3: def load(self): return 3"]


def test_scores_that_say_nothing_are_said_beside_the_newest_query(site, runs):
    flat = "return Selection(context.pool.ids[: context.n], {'flat': context.pool.h[:, 0].double() * 0})"
    site.add("strategies", "bad", BAD.replace("return Selection(context.pool.ids[: context.n - 1])", flat))
    run = create(small_config(strategy="bad"), runs)
    execute(run)
    said = words.plain("Every sample has the same flat (0): it tells nothing about these picks.")
    assert said in text(page("run", run=run.id))
    run = create(small_config(strategy="entropy"), runs)
    execute(run)
    assert "Every sample has" not in text(page("run", run=run.id))


@pytest.mark.parametrize("state_", ["queued", "starting", "paused", "stopped", "failed"])
def test_every_state_has_its_word(runs, state_):
    run = create(small_config(), runs)
    write_status(run.path, Status(state_, error="The loss became nan." if state_ == "failed" else ""))
    test = page("run", run=run.id)
    assert words.STATE[state_][0] in text(test)
    assert ("The loss became nan. Every finished round is kept." in text(test)) == (state_ == "failed")


def test_no_such_run_and_names_that_are_none():
    assert "There is no run 'nobody-here'" in text(page("run", run="nobody-here"))
    assert "is not the name of a run" in text(page("run", run="../../etc"))


def test_a_damaged_run_is_a_sentence(runs):
    run = create(small_config(), runs)
    (run.path / "config.json").write_text('{"format": "9"}')
    assert "no run settings" in text(page("run", run=run.id))
    (run.path / "config.json").write_text('{"format": "9", "config": {}}')
    assert "format '9'" in text(page("run", run=run.id))
    assert page("library").dataframe[0].value.set_index("id").at[run.id, "state"] == "damaged"


def test_the_library_without_runs_still_lists_the_recordings():
    table = page("library").dataframe[0].value
    assert (table["state"] == "recorded").all() and len(table) == N_RECORDED
    assert "No run matches" in text(page("library", q="zzz"))


def test_damaged_events_are_said_and_not_taken_up(runs):
    run = create(small_config(), runs)
    execute(run)
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(lines[:9]) + b"garbage\n" + b"".join(lines[10:20]) + b"".join(lines[21:]))
    shown = page("run", run=run.id)
    assert "damaged in 2 places" in " ".join(w.value for w in shown.warning)
    (run.path / "summary.json").unlink()
    run.events.write_bytes(b"".join(lines[:9]) + b"garbage\n" + b"".join(lines[10:20]))
    with pytest.raises(UserError, match="damaged in 1 place"):
        execute(run)


def test_values_of_the_wrong_kind_are_no_status_and_no_event(runs):
    run = create(small_config(), runs)
    (run.path / "status.json").write_text('{"state": "playing", "progress": "x", "task": "a", "round": null}')
    run.events.write_text(
        '{"seq": 0, "t": 0, "kind": "evaluated", "task": 1, "round": 0, "accuracy": ["x"], "accuracy_aware": [1],'
        ' "likelihood": [1], "final": true}\n'
    )
    assert "Waiting for the backend" in text(page("run", run=run.id))
    (run.path / "status.json").write_text('{"state": "flying"}')
    page("run", run=run.id)
    page("library")


def test_between_choosing_and_labelling_the_pictures_have_no_class(runs):
    run = create(small_config(), runs)
    execute(run)
    lines = run.events.read_text().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if '"scored"' in line)
    run.events.write_text("".join(lines[: last + 1]))
    shown = page("run", run=run.id)
    assert "Chosen, not yet labelled** · task 2, round 3 · 2 by AccuACL" in text(shown)


def test_full_labels_has_no_query_to_look_at(runs):
    run = create(small_config(strategy="full"), runs)
    execute(run)
    assert "there is no query to look at" in text(page("run", run=run.id))


# -- what a press means --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "step", "expected"),
    [
        (None, "phase", (1, 0, "buy")),
        (None, "task", (1, 3, "evaluate")),
        (Status("paused", task=2, round=1, phase="score"), "phase", (2, 1, "score")),
        (Status("playing", task=2, round=1, phase="train"), "round", (2, 1, "evaluate")),
        (Status("playing", task=2, round=1, phase="train"), "task", (2, 3, "evaluate")),
    ],
)
def test_a_step_raises_the_target_to_the_end_of_what_is_shown(shown, step, expected):
    assert target(small_config(), shown, step) == expected


def test_what_was_asked_shows_until_the_worker_has_seen_it():
    control = Control(seq=4, mode="pause")
    assert words.requested(control, Status("playing", seq=3)) == "asked for, not yet done: pause"
    assert words.requested(control, Status("paused", seq=4)) == ""


# -- the form of a new run -----------------------------------------------------------------------------

INPUTS = ("selectbox", "number_input", "text_input", "toggle", "slider")


def form_widgets(test: AppTest) -> dict:
    """The inputs of the new run's form by the names of their settings (λ has two)."""
    found = [widget for kind in INPUTS for widget in test.get(kind)]
    start = "new-digits-demo-"
    return {widget.key.removeprefix(start): widget for widget in found if (widget.key or "").startswith(start)}


@pytest.mark.parametrize(
    "choices_",
    [
        {},
        {"strategy": "full"},
        {"learner": "finetune"},
        {"learner": "finetune", "strategy": "entropy"},
        {"learner": "gss", "strategy": "bait"},
        {"dataset": "folder", "scenario": "domain", "domain": "folders"},
        {"scenario": "domain", "model": "resnet18"},
        {"backbone": "resnet50", "epochs": 1, "n_end": 10},
    ],
)
def test_the_form_disables_what_is_unused_says_why_and_is_live(choices_):
    test = page("start")
    for name, value in choices_.items():
        widget = form_widgets(test)[name]
        (widget.select if hasattr(widget, "select") else widget.set_value)(value).run()
    idle = unused(preset_config("digits-demo", **choices_))
    widgets = form_widgets(test)
    shown = {info.alias or name for name, info in RunConfig.model_fields.items()} - {"preset", "method"}
    assert shown <= widgets.keys() and not test.exception
    for name in shown:
        where = f"{name}-auto" if name == "lambda" else name
        assert widgets[where].disabled is (name in idle), name
        assert (" does not use this: it is for " in widgets[where].help) is (name in idle), name


def test_the_form_calls_what_has_no_use_for_a_setting_by_its_name():
    help_ = {name: widget.help.split(". ")[-1] for name, widget in form_widgets(page("start")).items()}
    assert help_["image_size"] == "SplitDigits does not use this: it is for Own image folder and Own Parquet images."
    one, other = "“What a task brings” = new classes", "“What a task brings” = all classes in a new look"
    assert help_["domains"] == f"{one} does not use this: it is for {other}."
    assert words.why(unused(RunConfig(n_end=10))["lambda"]) == (
        "A budget of “First labels per task” does not use this: it is for “Label budget per task” above “First labels "
        "per task”."
    )


def test_what_was_typed_into_a_disabled_field_is_not_sent(runs):
    test = page("start")
    form_widgets(test)["memory"].set_value(-1).run()
    assert any("Memory size" in error.value for error in test.error)
    form_widgets(test)["learner"].select("finetune").run()
    assert not test.error and form_widgets(test)["memory"].value == -1
    next(button for button in test.button if button.label == "Start the run").click().run()
    (run,) = list_runs(runs)
    assert run.config.memory == RunConfig().memory and run.config.learner == "finetune"


# -- words, tables, charts -----------------------------------------------------------------------------


def test_settings_are_named_by_their_titles():
    sentence = words.in_titles("n_end must be at least n_start (10), got 9: use less memory.")
    assert sentence == "“Label budget per task” must be at least “First labels per task” (10), got 9: use less memory."
    assert words.in_titles("memory must be at least 10.").startswith("“Memory size” must")


def test_phases_in_words():
    config = preset_config("digits-demo")
    status = Status("playing", task=3, round=2, phase="score", pool=231, n=10)
    assert words.phase(config, status, 5) == "task 3 of 5 · query round 2 of 3 · choosing 10 of 231"


def test_the_story_tells_what_fell():
    rows = [
        Row(0, 0.0, Evaluated(1, 3, [0.98], [1.0], [0.9], True)),
        Row(1, 0.0, Bought(2, 1, [1, 2, 3], [3, 3, 2], "accuacl", 13)),
        Row(2, 0.0, Evaluated(2, 1, [0.71, 0.9], [1.0, 1.0], [0.7, 0.9], False)),
    ]
    sentences = [sentence for _, sentence in words.story(History(rows))]
    assert "3 samples were labelled: 1 of class 2, 2 of class 3" in sentences[1]
    assert "task 1 fell from 98 % to 71 %" in sentences[2]


def test_learned_minus_forgotten_is_kept_in_the_table():
    rows = [
        Row(i, 0.0, Evaluated(i + 1, 3, row, row, row, True))
        for i, row in enumerate([[0.8], [0.9, 0.7], [0.6, 0.5, 1.0]])
    ]
    history = History(rows)
    table = data.balance_table(history, {1: 3, 2: 3, 3: 3})
    assert table["learned"].sub(table["forgotten"]).tolist() == pytest.approx(table["kept"].tolist())
    figures = data.figures_table(history)
    assert figures["forgotten"].tolist() == pytest.approx(table["forgotten"].tolist())
    assert figures["F"].tolist() == pytest.approx([0, -10, 25])
    assert figures["F_diag"].tolist() == pytest.approx([0, -10, 20])


def test_within_a_task_the_newest_counts_as_learned_what_it_has_now():
    """The title, the lines and the gap are one number, and say which moment they are of."""
    rows = [
        Row(0, 0.0, Evaluated(1, 3, [0.9], [1.0], [0.9], True)),
        Row(1, 0.0, Evaluated(2, 2, [0.5, 0.7], [0.9, 0.8], [0.7, 0.9], False)),
    ]
    history = History(rows)
    table = data.balance_table(history, {1: 3, 2: 3})
    assert table["when"].tolist() == ["after task 1", "task 2, round 2"]
    assert table[["learned", "kept", "forgotten"]].iloc[-1].tolist() == pytest.approx([80, 60, 20])
    title = live._balance_title(table)
    assert title == "task 2, round 2: **80.0 % learned − 20.0 % forgotten = 60.0 % kept**"
    labels = [s["endLabel"]["formatter"] for s in charts.balance_chart(table, 2)["series"] if "endLabel" in s]
    assert "20.0 % forgotten ↓" in labels
    own = data.balance_table(history, {1: 3, 2: 3}, own=True)
    assert own[["learned", "kept"]].iloc[-1].tolist() == pytest.approx([90, 85])
    assert data.accuracy_table(history, {1: 3, 2: 3}, own=True)["x"].tolist() == [1.0, 1.75]


def test_the_switch_between_any_and_own_classes_is_in_the_link(runs):
    run = create(small_config(), runs)
    execute(run)
    for own in (False, True):
        test = page("run", run=run.id, **({"own": "true"} if own else {}))
        accuracies = [data.accuracies(event, own) for event in run.history().finals()]
        kept = sum(accuracies[-1]) / len(accuracies[-1])
        assert test.toggle(key="own").value is own and f"= {100 * kept:.1f} % kept" in text(test)


def test_no_line_without_points_has_a_label():
    """Rewound to anywhere: ECharts would leave the label of a line that lost all its points."""
    recorded = Run(state.RECORDED / "recorded-er-accuacl-digits-s0")
    rows = recorded.history().rows
    n = data.n_tasks(recorded.history())
    for stop in range(len(rows) + 1):
        history = History(rows[:stop])
        rounds = data.rounds_of_tasks(history, recorded.config)
        for spec in (
            charts.accuracy_chart(data.accuracy_table(history, rounds), n),
            charts.balance_chart(data.balance_table(history, rounds), n),
        ):
            for line in (s for s in spec["series"] if "endLabel" in s):
                source = spec["dataset"][line.get("datasetIndex", 0)]["source"]
                column = line.get("encode", {}).get("y")
                points = line["data"] if "data" in line else column in source and source[column].notna().any()
                assert points or line["endLabel"] == {"show": False}


def test_the_cuts_are_the_last_ones_let_through(runs):
    run = create(small_config(), runs)
    execute(run)
    history = data.LiveRun(run).history()
    query = [q for q in history.of(data.Scored) if q.task == 2][0]
    scores = data.scores_of(run, query)
    cuts = close_up.cuts(scores, query, run.config)
    assert (scores["distribution"] >= cuts.distribution).sum() == cuts.candidates == 2 * len(query.ids)
    inside = scores[(scores["distribution"] >= cuts.distribution) & (scores["magnitude"] >= cuts.magnitude)]
    assert sorted(inside["id"]) == sorted(query.ids)
    points, flat = data.map_of(run, query)
    assert not flat and points["role"].value_counts()["pool"] == query.pool
    age = data.task_of_memory(history, 2)
    assert len(age) == 10 and set(age.values()) == {1}
    assert charts.map_chart(points, set(query.ids), "accuacl", age, 2, dark=False)["series"][-1]["name"] == "picks 4"


def test_pictures_come_from_the_dataset_or_from_the_run_itself():
    recorded = Run(state.RECORDED / "recorded-er-accuacl-digits-s0")
    ids = [event.ids[0] for event in recorded.history().of(Bought)]
    theirs = data.pictures(recorded, ids)
    ours = data.stream_of(recorded.config.to_json()).images[ids]
    assert (theirs == ours).all()
    assert data.pictures(recorded, [10**9]) is None


def test_a_gallery_escapes_what_it_is_given():
    html = cards_html(None, [Card("<script>x</script>", ("<b>",), "#123456", '"><img>')])
    assert "<script>" not in html and "<b>" not in html and "<img" not in html


def test_a_sprite_holds_every_picture():
    import base64
    import io

    import numpy as np
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 255, (40, 4, 4, 3), dtype=np.uint8)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(sprite(images).split(",")[1]))))
    for i in (0, 31, 32, 39):
        assert (sheet[i // 32 * 4 : i // 32 * 4 + 4, i % 32 * 4 : i % 32 * 4 + 4] == images[i]).all()


def test_losses_are_thinned_and_keep_their_ends():
    rows = [Row(i, 0.0, Epoch(1 + i // 600, 0, i, float(i))) for i in range(1200)]
    table, boundaries = details.loss_table(History(rows))
    assert len(table) < 700 and table["loss"].iloc[-1] == 1199 and boundaries == [600.0]


def test_the_exported_matrix_names_its_axes():
    lines = details.matrix_csv([[1.0], [0.5, 0.25]], 2).splitlines()
    assert lines[0] == ",accuracy on task 1 (%),accuracy on task 2 (%)"
    assert lines[1:] == ["after task 1,100.0000,", "after task 2,50.0000,25.0000"]


def test_a_chart_of_nothing_can_be_drawn():
    empty = data.accuracy_table(History(), 3)
    assert charts.accuracy_chart(empty, 1)["series"] and isinstance(empty, pd.DataFrame)


# -- colours -------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_tasks_and_curves_can_be_seen_on_both_backgrounds():
    for colour in [*palette.task_colours(12), palette.KEPT, palette.LEARNED, palette.FORGOTTEN, palette.OTHER]:
        assert min(contrast(colour, "#FFFFFF"), contrast(colour, "#14161A")) > 3
    assert len(set(palette.task_colours(50))) == 50


def test_every_strategy_has_a_colour_of_its_own_also_one_of_another_package(site):
    site.add("strategies", "coloured", 'LABEL = "Coloured"\nCOLOUR = "#123456"\n')
    for name in ("plain", "plainer"):
        site.add("strategies", name, f'LABEL = "{name}"\n')
    assert palette.strategy_colour("coloured") == "#123456"
    colours = [palette.strategy_colour(name) for name in discover("strategies")]
    assert len(set(colours)) == len(colours) >= 10 and palette.OTHER not in colours
    assert palette.strategy_colour("not installed here") == palette.OTHER


def test_what_is_known_of_a_strategy_stands_in_its_file(site):
    site.add(
        "strategies", "mine",
        'LABEL = "Mine"\nORDER = 3\nSCORES = {"surprise": {"name": "surprise (bits)", "short": "bits", "log": True}}\n'
        'AXES = ("surprise", "magnitude")\nPICKS = "the largest"\n',
    )  # fmt: skip
    assert in_order("strategies").index("mine") == in_order("strategies").index("kcenter") + 1
    assert words.score("surprise") == "surprise (bits)" and words.short_score("surprise") == "bits"
    assert axis("surprise").log and words.axes("mine") == ("surprise", "magnitude")
    assert words.picks("mine") == "the largest" and words.score("of_nobody") == "of nobody"
    assert not axis("of_nobody").log and words.axes("gone") is None and words.picks("gone") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        'COLOUR = "red"', "COLOUR = 3", 'ORDER = "first"', "ORDER = True", "SCORES = [1]", 'SCORES = {"a": "b"}',
        'SCORES = {"a": {"short": "b"}}', 'SCORES = {"a": {"name": "b", "log": 1}}', 'AXES = "xy"', 'AXES = ("a",)',
        "AXES = (1, 2)", "PICKS = None", "LABEL = 3", "SETTINGS = (1,)",
    ],
)  # fmt: skip
def test_a_constant_of_another_kind_is_a_sentence(site, wrong):
    site.add("strategies", "odd", f"{wrong}\n")
    found = discover("strategies")["odd"]
    assert wrong.split(" ")[0] in found.trouble and found.summary.startswith("Cannot be read (")


# -- starting ------------------------------------------------------------------------------------------


def test_a_port_in_use_is_one_sentence():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} is in use.*PORT={port + 1}"):
            launch.check_port(port)
    with pytest.raises(UserError, match="1..65535"):
        launch.check_port(0)


def test_settings_are_all_described():
    for info in RunConfig.model_fields.values():
        assert info.title and info.description and info.json_schema_extra["group"]


def test_another_tab_says_that_its_run_was_deleted(runs):
    for over in (False, True):
        run = create(small_config(), runs)
        if over:
            execute(run)
        test = page("run", run=run.id)
        delete(run)
        test.run()
        assert not test.exception and f"The run {run.id} was deleted" in text(test)


def test_a_start_under_load_is_no_alarm(runs, monkeypatch):
    run = create(small_config(), runs)
    write_status(run.path, Status(state="starting"))
    for silent, alarm in ((2.0, False), (10.0, False), (31.0, True)):
        monkeypatch.setattr(data, "silent_s", lambda _, s=silent: s)
        test = page("run", run=run.id)
        assert ("No sign of the worker" in text(test)) is alarm
        assert ("Starting takes a moment longer" in text(test)) is (silent == 10.0)


def test_a_new_run_is_reached_whatever_widget_lives_in_the_address():
    test = page("library", projector="true", q="accuacl")
    next(button for button in test.button if button.label == "New run").click().run()
    assert not test.exception
    assert "Start the run" in [button.label for button in test.button]
