"""Whatever of the engine is public says what it does, in a docstring of its own or of the base that it implements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house import ROOT, modules

Function = ast.FunctionDef | ast.AsyncFunctionDef
Bases = list[tuple[set[str], set[str]]]
"""Of each base that others implement: the members it asks for, and those of its methods that have a docstring."""


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def marks(node: Function | ast.ClassDef) -> set[str]:
    return {ast.unparse(mark) for mark in node.decorator_list}


def methods(node: ast.ClassDef) -> list[Function]:
    return [each for each in node.body if isinstance(each, Function)]


def members(node: ast.ClassDef) -> set[str]:
    """Methods and fields of a class, those that begin with _ left out."""
    fields = {ast.unparse(target) for each in node.body if isinstance(each, ast.Assign) for target in each.targets}
    fields |= {ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)}
    return {name for name in fields | {each.name for each in methods(node)} if not name.startswith("_")}


def bases(trees: list[ast.Module]) -> Bases:
    """The classes with abstract methods, and the protocols: all that these name is asked for."""
    found = []
    for node in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        wanted = {each.name for each in methods(node) if "abstractmethod" in marks(each)}
        if "Protocol" in {ast.unparse(base) for base in node.bases}:
            wanted = members(node)
        if wanted:
            found.append((wanted, {each.name for each in methods(node) if ast.get_docstring(each)}))
    return found


def public(body: list[ast.stmt], known: Bases, prefix: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Functions, classes and their methods that must say something, by name. A class implements a base where it has all
    that the base asks for; what the base has said of a method is not said again."""
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_") or "overload" in marks(node):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            said = set().union(*(told for wanted, told in known if wanted <= members(node)))
            inner = [each for each in node.body if not isinstance(each, Function) or each.name not in said]
            yield from public(inner, known, f"{node.name}.")


def excepted(path: str, name: str) -> bool:
    """`add` of each command, told of once in acl.cli.commands; tests of the contracts, whose names are sentences."""
    if path.startswith("acl/cli/commands/"):
        return name == "add"
    return path.startswith("acl/testing/") and name.split(".")[-1].startswith("test_")


def silent(paths: dict[str, ast.Module]) -> list[str]:
    known = bases(list(paths.values()))
    return [
        f"{path}:{node.lineno} {name}"
        for path, tree in paths.items()
        for name, node in public(tree.body, known)
        if not ast.get_docstring(node) and not excepted(path, name)
    ]


def test_everything_public_has_a_docstring():
    found = silent({str(path.relative_to(ROOT)): parsed(path) for path in modules("acl")})
    assert not found, "\n".join(found)


def test_what_says_nothing_is_found():
    text = '''
class Base(ABC):
    """Said."""
    @abstractmethod
    def select(self): """Said."""
    def mark(self): """Said."""
    @property
    def name(self): return ""
class Mine(Base):
    def select(self): ...
    def mark(self): ...
    def more(self): ...
    def _own(self): ...
class Other:
    """Has a method of that name, and is none of its kind."""
    def mark(self): ...
@overload
def build(kind): ...
def build(kind):
    """Said."""
    def inner(): ...
def add(commands): ...
def _private(): ...
'''
    tree = ast.parse(text)
    names = [line.split()[1] for line in silent({"acl/x.py": tree})]
    assert names == ["Base.name", "Mine", "Mine.more", "Other.mark", "add"]
    assert "add" not in " ".join(silent({"acl/cli/commands/x.py": tree}))
