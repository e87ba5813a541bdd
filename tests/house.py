"""The house: its rooms in order, who may know whom, and the tree of docs/develop.md drawn from the folders.

`python -m tests.house` (part of `make fix`) draws the tree anew.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = (
    "names", "errors", "seeds", "config", "presets", "events", "metrics", "steering", "memory", "system",
    "stream", "datasets", "network", "selection", "strategies", "learners", "plugins", "plan", "batches", "steps",
    "training", "loop", "testing", "snapshots", "runs", "analysis", "results", "service", "cli",
)  # fmt: skip
"""Rooms of acl/, files and folders: each knows itself and those before it."""
SCREEN = (
    "charts", "store", "glossary", "citing", "words", "errors", "widgets", "PAGES", "launch", "access", "policy",
    "contents", "main",
)  # fmt: skip
PAGES = ("lesson", "new_run", "run", "inspection", "compare", "library")
"""Folders of app/ for one page each: they know all before PAGES, and not each other."""
DOORS = {"acl/__init__.py", "acl/__main__.py", "acl/earlier_names.py"}
"""What stands for the whole engine outside of it."""
MOST_FILES = 15
SHOWN = {".py", ".js", ".mjs", ".css", ".html", ".sh"}
BEGIN, END = "```\nacl/", "```\n"
LINE = 118


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """All modules that a file names, also within functions and for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str | None:
    """The room of a module `acl.x.y` or of a file of acl/ or app/; None for the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] in {"acl", "app"} else None


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[1]


def place(order: tuple[str, ...], name: str) -> int:
    return order.index("PAGES" if name in PAGES else name)


def strangers(path: Path) -> list[str]:
    """What a file of acl/ or app/ imports from a room that comes later, or from another page."""
    top = path.relative_to(ROOT).parts[0]
    order, mine = (ENGINE if top == "acl" else SCREEN), room_of(path)
    found = []
    for name in sorted(imports(path)):
        other = room(name)
        if name.split(".")[0] != top or other is None or other == mine or not _is_room(top, other):
            continue
        if place(order, other) > place(order, mine) or (mine in PAGES and other in PAGES):
            found.append(name)
    return found


def _is_room(top: str, name: str) -> bool:
    """Not a function that the package itself offers."""
    return (ROOT / top / name).is_dir() or (ROOT / top / f"{name}.py").exists()


# -- the tree ------------------------------------------------------------------------------------------


def tree() -> str:
    """Every folder of acl/ and app/ with its sentence and its files, in the order of the rooms; then the rest."""
    lines: list[str] = []
    screen = [name for room in SCREEN for name in (PAGES if room == "PAGES" else (room,))]
    for top, order in (("acl", ENGINE), ("app", screen)):
        lines += _room(top, f"{top}/", 0)
        for name in order:
            if (ROOT / top / name).is_dir():
                lines += _folder(f"{top}/{name}", 1)
    for folder in (
        "pages",
        "tests",
        "tests/js",
        "benchmarks",
        "benchmarks/figures",
        "benchmarks/gpu",
        "benchmarks/outcomes",
    ):
        if (ROOT / folder).is_dir():
            lines += _room(folder, f"{folder}/", 0)
    return "\n".join(lines)


def _folder(path: str, depth: int) -> list[str]:
    lines = _room(path, f"{path.split('/')[-1]}/", depth)
    for inner in sorted(p for p in (ROOT / path).iterdir() if (p / "__init__.py").exists()):
        lines += _folder(f"{path}/{inner.name}", depth + 1)
    return lines


def _room(path: str, name: str, depth: int) -> list[str]:
    lines = [f"{'  ' * depth}{name:<{24 - 2 * depth}}{_sentence(path)}".rstrip()]
    files = sorted(
        p.name for p in (ROOT / path).glob("*") if p.suffix in {".py", ".js", ".mjs", ".css", ".html", ".sh"}
    )
    shown, line = [name for name in files if name != "__init__.py"], " " * (2 * depth + 4)
    for file in shown:
        if len(line) + len(file) > LINE:
            lines.append(line.rstrip())
            line = " " * (2 * depth + 4)
        line += file + " "
    return [*lines, line.rstrip()] if shown else lines


SENTENCES = {
    "pages": "One question a file, a few lines each.",
    "tests/js": "Tests of what runs in the browser: node --test, by test_js.py.",
    "benchmarks": "Scripts that measure, and in results/ what came out.",
}


def _sentence(path: str) -> str:
    """The first line of what the folder says of itself."""
    package = ROOT / path / "__init__.py"
    said = ast.get_docstring(ast.parse(package.read_text("utf-8"))) if package.exists() else None
    return (said or SENTENCES.get(path, "")).split("\n")[0]


def drawn(readme: str) -> str:
    """The page with its tree as it is now."""
    begin = readme.index(BEGIN) + len("```\n")
    return readme[:begin] + tree() + "\n" + readme[readme.index(END, begin) :]


if __name__ == "__main__":
    path = ROOT / "docs" / "develop.md"
    path.write_text(drawn(path.read_text("utf-8")), "utf-8")
