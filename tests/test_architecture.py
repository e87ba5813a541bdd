"""Imports point one way, files are what the README says, and nothing names this machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UI = {"streamlit", "plotly", "app", "pages"}
# What each module of the engine must not know, beyond the user interface.
KNOWS_NOTHING_OF_OURS = {"config", "seeds", "metrics", "events"}
ONLY_LOOP = {"acl.learners", "acl.training", "acl.network.inference"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] == "acl"}


@pytest.mark.parametrize("path", modules("acl"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_engine_knows_no_screen(path):
    assert not {name.split(".")[0] for name in imports(path)} & UI


@pytest.mark.parametrize("name", sorted(KNOWS_NOTHING_OF_OURS))
def test_the_ground_floor_stands_alone(name):
    assert not ours(ROOT / "acl" / f"{name}.py")


def test_strategies_and_learners_do_not_know_each_other():
    for path in modules("acl/strategies"):
        assert not any(name.startswith(("acl.learners", "acl.loop", "acl.training")) for name in ours(path)), path
    for path in modules("acl/learners"):
        assert not any(name.startswith(("acl.strategies", "acl.selection.query", "acl.loop")) for name in ours(path)), (
            path
        )


def test_the_app_never_reaches_into_training():
    for path in [*modules("app"), *modules("pages")]:
        bad = {
            n for n in ours(path) if n.startswith(("acl.learners", "acl.loop", "acl.training", "acl.service.worker"))
        }
        assert not bad, (path, bad)


def test_pages_are_short_and_charts_know_no_streamlit():
    for path in modules("pages"):
        assert len(path.read_text("utf-8").splitlines()) < 120
    for name in ("charts", "arena_charts", "arena_grids", "figures", "report"):
        assert not {"streamlit", "acl.runs.folder"} & imports(ROOT / "app" / f"{name}.py")


def test_no_file_in_app_hides_a_module_of_the_standard_library():
    assert not {path.stem for path in modules("app")} & sys.stdlib_module_names


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


def test_the_readme_maps_every_file():
    readme = (ROOT / "README.md").read_text("utf-8")
    for path in tracked():
        inside = path.relative_to(ROOT)
        if inside.parts[0] in {"acl", "app", "pages", "tests", "benchmarks"} and path.suffix == ".py":
            named = inside.name in {"__init__.py", "__main__.py"} or re.search(rf"\b{re.escape(inside.name)}\b", readme)
            assert named, f"{inside} is not in the README's file map"
    for name in re.findall(r"^ +([a-z_]+\.py)\b", readme, re.M):
        assert any(path.name == name for path in tracked()), f"the README maps {name}, which does not exist"


def test_no_machine_paths_and_no_pickle():
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".jsonl", ""} and path != Path(__file__):
            text = path.read_text("utf-8", "ignore")
            assert not re.search(r"/(work|home|root)/", text), path
            assert path.suffix != ".py" or not re.search(
                r"\b(import pickle|torch\.load\((?!.*weights_only=True)|allow_pickle=True)", text
            ), path
