"""The house: imports point one way, folders stay small and are shown as they are, nothing names this machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import DOORS, ENGINE, MOST_FILES, PAGES, ROOT, SCREEN, drawn, imports, modules, room_of, strangers

UI = {"streamlit", "plotly", "app", "pages"}
HOUSE = [*modules("acl"), *modules("app")]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def engine(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] == "acl"}


@pytest.mark.parametrize("path", modules("acl"), ids=named)
def test_the_engine_knows_no_screen(path):
    # A page that plays without us brings plotly's JavaScript along.
    brought = {"plotly"} if named(path) == "acl/results/replay.py" else set()
    assert not {name.split(".")[0] for name in imports(path)} & UI - brought


@pytest.mark.parametrize("path", [path for path in HOUSE if named(path) not in DOORS], ids=named)
def test_a_file_knows_its_own_room_and_those_before_it(path):
    assert not strangers(path)


def test_whoever_decides_by_the_kind_of_an_event_decides_about_all_of_them():
    """Each match over events ends with a case for what is new; where something must be decided, with assert_never."""
    found = 0
    for path in [*modules("acl"), *modules("app")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Match) and "event" in ast.unparse(node.subject):
                last = node.cases[-1]
                assert isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None, (path, node.lineno)
                found += "assert_never" in ast.unparse(last)
    assert found >= 5


def test_every_room_has_its_place_and_no_more_files_than_one_sees_at_a_glance():
    for top, order in (("acl", {*ENGINE}), ("app", {*SCREEN, *PAGES} - {"PAGES"})):
        inside = [path for path in (ROOT / top).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
        rooms = {path.stem for path in inside if named(path) not in DOORS} - {"__init__"}
        assert rooms == order
        for folder in {path.parent for path in modules(top)}:
            files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(files) <= MOST_FILES, folder


def test_strategies_and_learners_do_not_know_each_other():
    for path in modules("acl/strategies"):
        assert not any(name.startswith("acl.learners") for name in engine(path)), path
    for path in modules("acl/learners"):
        assert not any(name.startswith(("acl.strategies", "acl.selection")) for name in engine(path)), path


def test_the_app_never_reaches_into_training():
    never = ("acl.learners", "acl.loop", "acl.training", "acl.steps", "acl.service.worker")
    for path in [*modules("app"), *modules("pages")]:
        bad = {name for name in engine(path) if name.startswith(never)}
        assert not bad, (path, bad)


def test_pages_are_short_and_charts_know_neither_streamlit_nor_the_store():
    for path in modules("pages"):
        assert len(path.read_text("utf-8").splitlines()) < 120
    for path in [*modules("app/charts"), ROOT / "app" / "compare" / "report.py"]:
        assert not any(name.startswith(("streamlit", "app.store", "acl.runs")) for name in imports(path)), path


def test_nothing_in_app_hides_a_module_of_the_standard_library():
    names = {path.stem for path in modules("app")} | {path.parent.name for path in modules("app")}
    assert not (names - {"__init__"}) & sys.stdlib_module_names


def test_a_stranger_is_found(tmp_path, monkeypatch):
    """What the test of rooms looks for: a later room, another page, also within a function and for types alone."""
    monkeypatch.setattr("tests.house.ROOT", tmp_path)
    for room in ("acl/network", "acl/service", "app/run", "app/compare"):
        (tmp_path / room).mkdir(parents=True)
    text = "from acl import service\nfrom app.compare import x\ndef f():\n    import acl.service.y\n"
    for path, wrong in (
        ("acl/network/a.py", ["acl.service", "acl.service.y"]),
        ("app/run/a.py", ["app.compare", "app.compare.x"]),
    ):
        (tmp_path / path).write_text(text)
        assert strangers(tmp_path / path) == wrong and room_of(tmp_path / path) in {"network", "run"}


def test_the_app_starts_without_torch():
    code = (
        "import sys, app.run.page, app.new_run.page, app.library.page, app.new_run.form, app.launch, app.compare.page\n"
        "sys.exit(bool({'torch', 'umap', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True).returncode == 0


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_the_page_shows_the_folders_as_they_are():
    readme = (ROOT / "docs" / "develop.md").read_text("utf-8")
    assert drawn(readme) == readme, "make fix draws it anew"


def test_no_machine_paths_and_no_pickle():
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".jsonl", ""} and path != Path(__file__):
            text = path.read_text("utf-8", "ignore")
            assert not re.search(r"/(work|home|root)/", text), path
            assert path.suffix != ".py" or not re.search(
                r"\b(pickle\.loads?\(|from pickle import|torch\.load\((?!.*weights_only=True)|allow_pickle=True)", text
            ), path
