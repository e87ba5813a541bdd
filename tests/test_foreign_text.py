"""Foreign text is text: read as such, shown as such, on every page and by every command."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plotly.offline import get_plotlyjs
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from streamlit.testing.v1 import AppTest

from acl.cli import main
from acl.config import UserError, make_config
from acl.names import DEEPEST, LONGEST, LONGEST_ECHO, from_json, legible, sentence_of
from acl.results.sweep import list_sweeps
from acl.runs.archive import export, import_run
from acl.runs.folder import Run, create, delete, list_runs
from acl.runs.tags import tags_of
from acl.service.worker import execute
from acl.snapshots import shelf
from acl.snapshots.snapshot import load_snapshot
from app.compare import cohorts
from app.compare import export as export_page
from tests.conftest import small_config
from tests.contexts import make_context
from tests.hostile import hostile_run, hostile_sweep, letters
from tests.house import ROOT
from tests.sinks import Place, as_html, as_markdown, calls, foreign
from tests.tools import every_page_looks_into

LETTERS = letters()
MANY = ("the first half", "the second half", "very long")
PAGES = ("lesson", "start", "run", "inspect", "compare", "library")
MARKS = re.compile(r"(?<!\\)(!\[|<img|<script|<style|\$\\|\[x\]|:material/home:)")
"""What a page would read as more than text, unless it is escaped."""
TAGS = re.compile(r"""<(script|style|a |img (?!class=))""")
# What stands word for word in our own source comes from nowhere else.
WRITTEN = {
    node.value
    for path in (ROOT / "app").rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
}
"""In what a page gives the browser as HTML."""
PLAIN = {
    "options", "default", "set_value", "id", "spec", "json", "data", "element_id", "user_key", "file_name", "url",
    "raw_value", "code_text", "alt",
}  # fmt: skip
"""Parts of Streamlit's messages that are drawn as they are, in which escapes would be seen; charts see below."""


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Run:
    """A finished run that nobody has touched."""
    run = create(small_config(), tmp_path_factory.mktemp("good"))
    execute(run)
    return run


@pytest.fixture
def here(runs, monkeypatch) -> Path:
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)
    return runs


def full_of(letter: str, good: Run, runs: Path, number: int = 0, led: bool = False) -> Run:
    """A copy of the good run in which every text is `letter`."""
    run = Run(runs / f"{good.id[:-4]}{number:04x}")
    shutil.copytree(good.path, run.path)
    hostile_run(run, letter, led)
    for path in (run.path / "queries").glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.append_column(_utf8(letter), pa.array(np.arange(float(len(table))))), path)
    return run


def _utf8(letter: str) -> str:
    return letter.encode("utf-8", "replace").decode()


# -- what is read ----------------------------------------------------------------------------------------


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)
    yield from value if isinstance(value, dict) else ()


@pytest.mark.parametrize("name", LETTERS)
def test_a_text_from_outside_is_printable_and_not_too_long(name):
    letter = LETTERS[name]
    value = from_json(json.dumps({letter: [letter, {"n": 1, letter * 2: None}], "data": letter}), {"data"})
    assert value.pop("data") == letter
    for text in strings(value):
        assert text.isprintable() and len(text) <= LONGEST + 1
        text.encode()
    assert legible(value) == value


def test_what_is_good_stays_what_it_is():
    value = {
        "a": ["x", 1, 2.5, None, True, "ä 中 नी 👩‍👩‍👧"],
        "b": {"c": [1, 2], "": ""},
        "long": "x" * LONGEST,
    }
    assert from_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    "source", ["[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "[" * 10**5, '{"a": ' * 40 + "1" + "}" * 40]
)
def test_what_is_too_deep_is_no_json(source):
    with pytest.raises(ValueError):
        from_json(source)


@pytest.mark.parametrize("name", LETTERS)
def test_a_sentence_is_printable_and_repeats_little(name):
    with pytest.raises(UserError) as caught:
        make_config({"learner": "er", "batch_size": LETTERS[name] + "x"})
    said = str(caught.value)
    assert said.isprintable() and len(said) < LONGEST
    assert len(str(UserError(f"There is no '{'a b' * 5000}' here."))) <= LONGEST_ECHO + 30
    assert sentence_of(sentence_of(said)) == sentence_of(said)
    path = "/" + "/".join(["folder"] * 100) + "/file.json"
    assert str(UserError(f"{path} is gone.")).endswith("/file.json is gone.")


def test_a_place_whose_name_is_no_utf8_goes_on_to_name_it(tmp_path, good):
    run = Run(tmp_path / good.id)
    shutil.copytree(good.path, run.path)
    record = json.loads((run.path / "config.json").read_text())
    record["config"]["data"] = "/no\udcffwhere"
    (run.path / "config.json").write_text(json.dumps(record))
    assert run.config.data == "/no\udcffwhere"
    assert type(run.config).from_json(run.config.to_json()) == run.config


# -- pages -----------------------------------------------------------------------------------------------


def page(name: str, state: dict[str, str] | None = None, /, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    for key, value in (state or {}).items():
        test.session_state[key] = value
    test.switch_page(str(ROOT / "pages" / f"{name}.py")).run()
    assert not test.exception, [e.value for e in test.exception]
    assert not list(loud(test)), list(loud(test))[:3]
    return test


def loud(test: AppTest) -> Iterator[str]:
    """Whatever of a page is more than text and came from outside."""

    def elements(block: Any) -> Iterator[Any]:
        for child in block.children.values():
            if hasattr(child, "children"):
                yield child
                yield from elements(child)
            else:
                yield child

    for element in elements(test._tree):
        proto = getattr(element, "proto", None)
        if proto is None:
            continue
        for name, text in _texts(proto):
            marks = TAGS if type(proto).__name__ == "Html" else MARKS
            if text in WRITTEN:
                continue
            if name.rsplit(".")[-1] not in PLAIN | _typed(proto) and marks.search(text):
                yield f"{type(proto).__name__}.{name}: {text[:300]}"
        spec = getattr(proto, "spec", "")
        for text in _formatters(json.loads(spec)) if isinstance(spec, str) and spec.startswith("{") else ():
            if TAGS.search(text):
                yield f"chart: {text[:300]}"


def _typed(proto: Any) -> set[str]:
    """What stands in a field that one types into."""
    return {"value"} if type(proto).__name__ in {"TextInput", "TextArea"} else set()


def _texts(proto: Any, above: str = "") -> Iterator[tuple[str, str]]:
    for field, value in proto.ListFields():
        values = value if field.is_repeated else [value]
        for each in values:
            if isinstance(each, str):
                yield f"{above}{field.name}", each
            elif hasattr(each, "ListFields") and field.name != "arrow_data_frame":
                yield from _texts(each, f"{above}{field.name}.")


def _formatters(spec: Any) -> Iterator[str]:
    """What a chart reads as HTML: templates of tooltips, and every text of a figure of Plotly's."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if isinstance(value, str) and name in {"formatter", "text", "hovertemplate", "name"} and "layout" in spec:
                yield value
            if isinstance(value, str) and name in {"formatter", "hovertemplate"}:
                yield value
            yield from _formatters(value)
    if isinstance(spec, list):
        for value in spec:
            yield from _formatters(value)


def test_the_look_for_loud_text_finds_it():
    def script() -> None:
        import streamlit as st

        st.caption("![x](http://h)")
        st.button("\\![y]", help="<img src=x>")
        st.selectbox("label", ["![in an option](it is plain)"])

    assert len(list(loud(AppTest.from_function(script).run()))) == 2


def test_the_library_lists_them_all_and_each_can_be_deleted(here, good):
    for number, letter in enumerate(LETTERS.values()):
        full_of(letter, good, here, number, led=number % 2 == 0)
        hostile_sweep(small_config(), list_runs(here)[0], letter, here, "sweep")
    page("library")
    assert len(list_sweeps(here)) == len(LETTERS)
    for run in list_runs(here):
        assert all(tag.isprintable() for tag in tags_of(run))
        delete(run)


@pytest.mark.parametrize("name", MANY)
def test_every_part_of_a_run_is_drawn(here, good, name):
    run = full_of(LETTERS[name], good, here, led=True)
    for tab in ("Matrix R", "Memory", "Loss", "What happened", "Settings"):
        test = page("run", {"details-tab": tab}, run=run.id)
        assert not any("no run" in str(e.value) for e in test.error)


@pytest.mark.parametrize("name", MANY)
def test_every_view_of_a_comparison_is_drawn(here, good, name):
    run = full_of(LETTERS[name], good, here)
    shutil.copytree(good.path, here / good.id)
    for kind in ("race", "sweep"):
        hostile_sweep(small_config(), run, LETTERS[name], here, kind)
    for view in ("race", "curves", "table", "significance", "sweeps"):
        page("compare", view=view)
    for detail in ("Matrices R", "Against labels", "Labels bought", "What labels did", "Time", "What differs"):
        page("compare", view="curves", detail=detail, **{"from": "all"})


@pytest.mark.parametrize("name", MANY)
def test_every_panel_of_a_query_is_drawn(here, good, name):
    run = full_of(LETTERS[name], good, here)
    for panel in (
        "Target",
        "Every strategy on this pool",
        "λ ribbon",
        "Memory for the past",
        "What did it do?",
        "Everything bought",
    ):
        page("inspect", {"panel": panel}, run=run.id, task="1", round="1")


def words_of_the_app() -> list[str]:
    """Whatever the pages might look for in a link: every short word that stands in their source."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "app").rglob("*.py")]
    constants = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return sorted(word for word in constants if isinstance(word, str) and re.fullmatch("[a-z_]{1,12}", word))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("letter", MANY)
def test_a_link_may_say_anything(here, good, name, letter):
    shutil.copytree(good.path, here / good.id)
    # A link arrives as UTF-8.
    hostile = dict.fromkeys(words_of_the_app(), _utf8(LETTERS[letter]))
    assert {"run", "snapshot", "from", "view", "strategy", "sample", "task", "q", "preset"} <= hostile.keys()
    page(name, **hostile)
    for known in ({"run": good.id, "task": "1", "round": "1"}, {"from": "all", "view": "curves"}, {"view": "table"}):
        own = {key: value for key, value in hostile.items() if key not in {"run", "runs", "snapshot"}}
        page(name, **own | known)


def test_a_snapshot_file_may_hold_any_text(here):
    path = here / "a.safetensors"
    make_context(3).save(path)
    tensors = load_file(path)
    with safe_open(path, framework="np") as file:
        metadata = dict(file.metadata())
    n = len(json.loads(metadata["classes"]))
    for name, letter in LETTERS.items():
        names = json.dumps([f"{letter}{c}" for c in range(n)])
        save_file(tensors, path, {**metadata, "classes": json.dumps([*range(n)]), "class_names": names})
        try:
            id_ = shelf.keep(here, f"{_utf8(letter)}.safetensors", path.read_bytes())
        except UserError as error:
            assert (
                name in {"half a character", "a byte that is no UTF-8", "the first half"} and str(error).isprintable()
            )
            continue
        if name in {"the second half", "very long", "controls"}:
            page("inspect", snapshot=id_)
        for entry in metadata:
            save_file(tensors, path, {**metadata, entry: _utf8(letter)})
            with pytest.raises(UserError) if entry != "class_names" else nullcontext() as caught:
                load_snapshot(path)
            assert str(caught.value).isprintable()


def test_a_report_is_text_around_its_figures(here, good):
    runs = [full_of(LETTERS[name], good, here, number) for number, name in enumerate(MANY)]
    found = cohorts.chosen(runs)
    assert len(found.looks) == len(MANY)
    page_ = export_page.report_of(found, found.looks[0].name)
    outside = re.sub(r"<script.*?</script>", "", page_, flags=re.DOTALL)
    assert not re.search("<img|<a |<style>@", outside) and "&lt;img" in outside
    assert page_.count("</script>") == page_.count("<script") - get_plotlyjs().count("<script")
    assert export_page.tables_of(found)


# -- commands --------------------------------------------------------------------------------------------

COMMANDS = [
    "table {run} --format md", "table {run} --format latex", "table {run} --format csv", "export {run} -o {out}.zip",
    "convert {run} --to tables -o {out}", "convert {run} --to tensorboard -o {out}", "verify {run} --quiet",
    "resume {run} --quiet", "fork {run} --at 1.1 --quiet",
]  # fmt: skip


@pytest.mark.parametrize("letter", LETTERS)
def test_every_command_takes_it_as_text(here, good, letter, tmp_path, capsys):
    run = full_of(LETTERS[letter], good, here)
    for number, command in enumerate(COMMANDS):
        code = main([part.format(run=run.path, out=tmp_path / f"out{number}") for part in command.split()])
        said = capsys.readouterr()
        shown = said.out + said.err
        assert code in {0, 2}, command
        assert all(char.isprintable() or char == "\n" for char in shown), command
        assert "Traceback" not in shown
        if command.startswith("table"):
            assert code == 0
            assert "--format md" not in command or not MARKS.search(said.out.replace(":material", ""))
            assert "\\input{" not in said.out or "latex" not in command


def test_what_a_zip_brings_is_listed_and_can_be_deleted(here, good, tmp_path):
    for number, letter in enumerate(LETTERS.values()):
        run = full_of(letter, good, here, number, led=number % 2 == 0)
        export(run, tmp_path / "run.zip")
        delete(run)
        import_run(tmp_path / "run.zip", here)
    page("library")
    for run in list_runs(here):
        delete(run)
    assert not list_runs(here)


# -- the source ------------------------------------------------------------------------------------------

OURS = {
    "words.plain", "len", "words.duration", "words.why", "words.event_name", "table.caption", "_figures", "_seed",
    "_balance_title", "_count", "summary", "refused", "_verdict", "_lambda_help", "_oversample_name", "steps", "_state",
    "_run_label", "words.described", "words.of_menu", "words.does", "percent", "whole_percent", "entries",
    "said.question", "said.challenge",
}  # fmt: skip
"""The door, and functions that put a sentence together out of numbers, words of ours and what came through it."""
HTML_OURS = {
    "html.escape",
    "escape",
    "cards_html",
    "legend_html",
    "_probabilities",
    "_sheet",
    "digits_html",
    "entries_html",
    "memory_html",
    "pairs_html",
}
"""Those that put HTML together; tests/test_app.py and tests/test_compare.py look at what they escape."""
NUMBERS = re.compile(
    r"(.*\.)?(task|round|seed|memory|n|n_query|n_start|rounds|n_tasks|until|damaged|id)|int\(.*|sum\(.*"
)
"""Attributes that hold a number, or the id of a run (acl.runs.folder.ID: letters, digits, - and _)."""
ALLOWED = {
    "app/compare/curves.py": {"title", "more"},
    "app/compare/details.py": {"title", "better"},
    "app/compare/paper_table.py": {"id_", "label"},
    "app/compare/race/controls.py": {"label"},
    "app/compare/race/figures.py": {"last.labels.count(c)", "look.colour"},
    "app/compare/significance.py": {"line", "mark"},
    "app/compare/sweeps.py": {"time.strftime('%d %B, %H:%M', time.localtime(chosen.created))"},
    "app/inspection/choose_query.py": {"text.split('.')", "wanted[0]", "wanted[1]"},
    "app/inspection/panels/every_strategy.py": {"sentence"},
    "app/inspection/panels/outcomes/controls.py": {"label", "meaning"},
    "app/inspection/panels/outcomes/sensitivity.py": {"label"},
    "app/inspection/sample_card.py": {
        "empty.get(group, 'Nothing here.')", "name", "opened", "worth.of_sample(row)",
        "{'picks': 'picked', 'pool': 'in the pool, not picked'}.get(row['role'], row['role'])",
    },
    "app/lesson/chapters/choice.py": {
        "found.labelled", "words.strategy(each)", "found.repeats", "words.strategy",
    },
    "app/lesson/chapters/forgetting.py": {
        "changes(history, own)", "moved[-1:]", "material.config.n_end", "material.name", "first", "second",
        "said.__getitem__", "str.capitalize",
    },
    "app/lesson/chapters/trade.py": {
        "said.half(half, full, HALF)", "said.past_share(found.target, found.classes, found.new)",
    },
    "app/lesson/steps.py": {"names[after]"},
    "app/lesson/page.py": {"chapter.draw(picture, controls)", "str(each)"},
    "app/new_run/form.py": {"info.title", "name", "title", "t"},
    "app/run/changes.py": {"sentence(change)"},
    "app/run/newest_query.py": {"flat"},
    "app/run/page.py": {"name", "steer.when(later)"},
    "app/run/steering.py": {"when(waits)"},
    "app/run/transport.py": {"help_", "label"},
    "app/widgets/dialogs.py": {"dialog.title"},
    "app/widgets/scrubber.py": {"said"},
    "app/widgets/shared_select.py": {"help_", "label"},
    "app/widgets/steering_form.py": {
        "info.description", "str(info.title)", "why.get('lambda', '')", "why.get('n_query', '')",
    },
    "app/widgets/url.py": {"help_", "instead", "label", "said"},
}  # fmt: skip
"""What else is shown, by file, and is ours: looked at one by one."""
PAGE_FILES = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")])


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_shows_is_ours_or_came_through_a_door(path):
    allowed = ALLOWED.get(str(path.relative_to(ROOT)), set())
    found: set[str] = set()
    for call, around in calls(path):
        for said, ours in ((as_markdown(call), OURS), (as_html(call), HTML_OURS)):
            found |= set().union(*(foreign(part, Place(around, ours)) for part in said))
    strangers = {part for part in found if not NUMBERS.fullmatch(part)}
    assert strangers <= allowed, f"through words.plain (or html.escape), or into ALLOWED: {strangers - allowed}"
    assert allowed <= strangers, f"no longer shown: {allowed - strangers}"


def test_the_look_into_the_source_finds_what_forgets_the_door(tmp_path):
    source = tmp_path / "page.py"
    source.write_text(
        "def page(run):\n name = run.title\n said = f'{name}: {len(run.events)}'\n st.caption(said)\n"
        " st.caption(words.plain(said), help=run.hint)\n st.html(f'<b>{html.escape(name)}</b>{run.body}')\n"
        " st.button(' '.join(part for part in run.parts))\n st.markdown(f'{run.share:.1f} {HELP[name]}')\n"
    )
    found = set()
    for call, around in calls(source):
        for said, ours in ((as_markdown(call), OURS), (as_html(call), HTML_OURS)):
            found |= set().union(*(foreign(part, Place(around, ours)) for part in said))
    assert found == {"run.title", "run.hint", "run.body", "part"}
