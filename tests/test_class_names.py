"""Class names of any kind: what cannot be shown is written out once, and what is markup stays text everywhere."""

from __future__ import annotations

import csv
import html
import json
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import acl
from acl.cli import main
from acl.config import make_config
from acl.names import distinct, in_order, printable
from acl.plugins.registry import prepare
from acl.results import sweep
from acl.results.grid import grid
from acl.runs.folder import create, list_runs
from acl.service.worker import execute
from app import words
from app.inspection import samples as pool
from app.inspection import source as sight
from app.inspection.panels import tabs, target
from app.run.details import TABS
from tests.sets import noise, png, write_folder, write_table
from tests.tools import every_page_looks_into

ROOT = Path(__file__).resolve().parent.parent
# As they are in a file, and as they are shown.
NAMES = {
    "<b>bold</b> & <script>alert(1)</script>": None,
    "![x](http://127.0.0.1:9/x.png)": None,
    "*x* | $y$ `z` ~~w~~": None,
    ":red[z] :material/home: %{x} {b}": None,
    "1. one # two": None,
    "www.a.b x@y.z": None,
    "a\nb\x00\x1b[31m": "a\\nb\\x00\\x1b[31m",
    "\u202egnp": "\\u202egnp",
}
SHOWN = [shown or name for name, shown in sorted(NAMES.items())]
SMALL = {"n_start": 2, "n_query": 2, "n_end": 6, "epochs": 2, "memory": 10, "width": 4, "image_size": 8}


def hostile_config(folder, **values):
    names = list(NAMES) * 10
    images = [{"bytes": png(noise(8, 8, 3)), "path": None} for _ in names]
    write_table(folder / "hostile.parquet", {"image": images, "label": names})
    return make_config({"dataset": "parquet", "data": str(folder / "hostile.parquet"), **SMALL, **values})


# -- made printable once -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("caf\udce9", "caf\\xe9"), ("tab\tline\r\n", "tab\\tline\\r\\n"), ("\u2028", "\\u2028"), ("a\xa0b", "a\\xa0b"),
        ("Größe 大小 🐈\u200d⬛", "Größe 大小 🐈\u200d⬛"), ("a\\b", "a\\b"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_written_out(name, shown):
    assert printable(name) == shown and printable(shown) == shown
    shown.encode()


def test_names_stay_apart():
    names = ["a\n", "a\\n", "caf\udce9", "caf\\xe9", "cat", " cat", "cat (5)", "", " "]
    shown = distinct(names)
    assert len(set(shown)) == len(names) and all(shown) and shown[0] == "a\\n" and shown[4] == "cat"
    assert in_order(["10", "9", "x"]) == ["10", "9", "x"] and in_order(["10", "9"]) == ["9", "10"]
    assert in_order(["10", "2", "0", "-1", "-20"]) == ["-20", "-1", "0", "2", "10"]
    assert in_order(["10", "1.5", "01", "1", "+1"]) == ["+1", "01", "1", "1.5", "10"]
    assert in_order(["9" * 9000, "1"])[0] == "1" and in_order(["10", "9", "1.2.3"]) == ["1.2.3", "10", "9"]


def test_folders_whose_names_are_no_utf8(tmp_path, data_dir, capsys):
    folder = tmp_path / "p\u00e9ts"
    write_folder(folder, {"dog": 12, "a\nb": 12, "*x*": 12})
    os.mkdir(os.fsencode(folder) + b"/caf\xe9")
    for i in range(12):
        (folder / "caf\udce9" / f"{i}.png").write_bytes(png(noise(8, 8, 3)))
    (folder / "dog" / "br\udcffken.png").write_bytes(b"")
    (folder / "dog" / "br\udcffken.heic").write_bytes(b"")
    config = make_config({"dataset": "folder", "data": str(folder), **SMALL})
    stream = prepare(config)
    assert stream.class_names == ("*x*", "a\\nb", "caf\\xe9", "dog")
    assert "dog/br\\xffken.heic" in stream.notes[0] and "dog/br\\xffken.png" in stream.notes[1]
    run = create(config, tmp_path / "runs")
    execute(run)
    assert run.history().started.class_names == list(stream.class_names)
    assert main(["convert", "--to", "tables", "--runs", str(tmp_path / "runs"), "-o", str(tmp_path / "tables")]) == 0
    assert "caf\\xe9" in (tmp_path / "tables" / "labels.csv").read_text("utf-8")


# -- on every page and in every export -----------------------------------------------------------------


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Two finished runs of hostile classes, as a race."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACL_DATA", str(folder / "sets"))
        config = hostile_config(folder, snapshots="all")
        sweep.start(grid(config, {"strategy": ["uniform", "accuacl"], "seed": [0]}), folder / "runs", "h", "race")
        for run in list_runs(folder / "runs"):
            execute(run)
        yield folder


@pytest.fixture
def here(worked, monkeypatch):
    monkeypatch.setenv("ACL_DATA", str(worked / "sets"))
    every_page_looks_into(worked / "runs", monkeypatch)
    return worked / "runs"


def page(name, **query):
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    return test.switch_page(str(ROOT / "pages" / f"{name}.py")).run()


def of_markdown(test):
    parts = [*test.markdown, *test.caption, *test.error, *test.info, *test.warning, *test.toast]
    return "\n".join(str(part.value) for part in parts)


def check(test):
    """Nothing on the page reads a class name as markup: not Markdown, not HTML, not Plotly."""
    assert not test.exception
    said = rest = of_markdown(test)
    for name in SHOWN:
        rest = rest.replace(words.plain(name), "")
    assert not [name for name in SHOWN if name in rest]
    bodies = [element.proto.body for element in test.get("html")]
    bodies += [str(json.loads(chart.proto.spec)) for chart in test.get("plotly_chart")]
    assert not [body for body in bodies if "<b>bold" in body or "<script" in body]
    return said


def strategy_run(runs, strategy):
    return next(run for run in list_runs(runs) if run.config.strategy == strategy)


def test_the_form_names_the_classes_of_each_task(worked, here):
    test = page("start")
    test.selectbox(key="new-digits-demo-dataset").select("parquet").run()
    for name in ("n_end", "n_start"):
        test.number_input(key=f"new-digits-demo-{name}").set_value(4)
    test.text_input(key="new-digits-demo-data").set_value(str(worked / "hostile.parquet")).run()
    said = check(test)
    assert all(words.plain(name) in said for name in SHOWN[:2]), said


@pytest.mark.parametrize("tab", TABS)
def test_the_page_of_a_run(tab, here):
    test = page("run", run=strategy_run(here, "accuacl").id)
    test.segmented_control(key="details").set_value(tab).run()
    check(test)
    if tab == "What happened":
        assert any(name in str(frame.value.to_csv()) for frame in test.dataframe for name in SHOWN)


@pytest.mark.parametrize("panel", tabs.TABS)
def test_the_inspect_page_and_the_card_of_a_sample(panel, here):
    run = strategy_run(here, "accuacl")
    query = sight.queries_of(run, run.history())[-1]
    where = {"task": str(query.task), "round": str(query.round), "sample": str(query.ids[0])}
    test = page("inspect", run=run.id, colour="predicted", **where)
    test.segmented_control(key="panel").set_value(panel).run()
    said = check(test)
    assert any(words.plain(name) in said for name in SHOWN)


@pytest.mark.parametrize("view", ["race", "curves", "table", "significance", "sweeps"])
def test_the_compare_page(view, here):
    said = check(page("compare", view=view))
    assert view != "race" or any(f"of {words.plain(name)}" in said for name in SHOWN)


def test_the_library(here):
    check(page("library"))


def test_figures_escape_what_plotly_reads_as_markup(here):
    run = strategy_run(here, "accuacl")
    name = next(name for name in SHOWN if "<b>" in name)
    looks = (sight.sight_of_run(run, run.config, run.history(), q) for q in sight.queries_of(run, run.history()))
    # Of the last queries the class may be gone with the memory's last label of it.
    found = next(look for look in looks if name in map(look.class_name, look.context.classes))
    choice = pool.choose(found, "accuacl", found.recorded)
    figure = target.figure(found, choice, found.recorded)
    bold = html.escape(name, quote=False)
    assert bold in figure.data[0].y
    text = figure.to_json()
    assert "<b>bold" not in text and "\\u003cb\\u003ebold" not in text


@pytest.mark.parametrize("to", ["tables", "tensorboard"])
def test_exports(to, here, tmp_path, capsys):
    assert main(["convert", "--to", to, "--runs", str(here), "-o", str(tmp_path / to)]) == 0
    for form in ("md", "csv", "latex"):
        assert main(["table", "--runs", str(here), "--format", form]) == 0
    if to == "tables":
        with (tmp_path / to / "labels.csv").open(newline="", encoding="utf-8") as file:
            assert {row["class"] for row in csv.DictReader(file)} <= set(SHOWN)
    assert set(acl.load_runs(folder=here).labels["class"]) <= set(SHOWN)


def test_a_refusal_with_a_class_name_in_it_is_text(tmp_path, here):
    write_folder(tmp_path / "pets", {"dog": 3, "<i>cow": 1})
    test = page("start")
    test.selectbox(key="new-digits-demo-dataset").select("folder").run()
    test.text_input(key="new-digits-demo-data").set_value(str(tmp_path / "pets")).run()
    assert not test.exception and words.plain("'<i>cow'") in test.error[0].value
