"""The browser's part: its modules by their own tests (tests/js), and joined to the one text that Streamlit sends."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

from app.inspection.linked_scatters import component

HERE = Path(__file__).parent
BUNDLED = Path(playwright.__file__).parent / "driver" / "node"
NODE = shutil.which("node") or (str(BUNDLED) if BUNDLED.exists() else None)
pytestmark = pytest.mark.skipif(NODE is None, reason="Neither node is on the PATH nor one with Playwright.")


def node(*arguments: object) -> str:
    said = subprocess.run([str(NODE), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.mark.parametrize("path", sorted((HERE / "js").glob("*.test.mjs")), ids=lambda path: path.stem)
def test_the_modules_by_their_own_tests(path):
    assert "# fail 0" in node("--test", "--test-reporter=tap", path)


def test_joined_they_are_one_module_without_imports(tmp_path):
    """Each module is in it, and no two of them name a thing alike, which would be a syntax error."""
    joined = tmp_path / "joined.mjs"
    joined.write_text(component.script(), "utf-8")
    node("--check", joined)
    lines = component.script().splitlines()
    assert [line for line in lines if line.startswith(("import", "export"))] == [
        "export default function ({ data, parentElement, setTriggerValue }) {"
    ]
    assert {path.stem for path in component.HERE.glob("*.mjs")} == set(component.MODULES)
