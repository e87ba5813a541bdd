"""What a page writes as Markdown or HTML, read out of its source: which parts of it may be anybody's text.

A part is ours if it is written there, a number, or comes through a door: `words.plain` for Markdown, `html.escape` for
HTML. Names are followed to what is assigned to them in the same function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

MARKDOWN = {
    "markdown", "caption", "error", "warning", "info", "success", "toast", "badge", "write", "spinner", "title",
    "header", "subheader", "button", "download_button", "page_link", "link_button", "popover", "expander", "tabs",
    "toggle", "checkbox", "radio", "pills", "segmented_control", "select_slider", "slider", "selectbox", "multiselect",
    "number_input", "text_input", "text_area", "file_uploader", "metric", "status", "dialog", "Column", "TextColumn",
    "NumberColumn", "ProgressColumn", "ListColumn", "mirror", "select",
}  # fmt: skip
"""Calls whose first text, and whose help, Streamlit reads as Markdown."""
WORDS = {"help", "label", "text", "body"}
CHOICES = {"radio", "pills", "segmented_control", "select_slider", "scrubber"}
"""Calls whose options are Markdown too."""
NUMBER = re.compile(r"[+]?[0-9]*,?(\.[0-9]+)?[,defgn%]")
SAME = {"strip", "removeprefix", "capitalize"}
"""Methods of a text that bring nothing new into it."""


@dataclass(frozen=True)
class Place:
    """Where an expression stands: the function around it, what of it counts as ours, names followed so far."""

    around: ast.AST
    ours: Collection[str]
    seen: frozenset[str] = frozenset()


def calls(path: Path) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Every call of Streamlit's, or of a widget of ours, with the function around it."""
    tree = ast.parse(path.read_text("utf-8"))
    modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"acl", "app"}
        for alias in node.names
    }

    def walk(node: ast.AST, around: ast.AST) -> Iterator[tuple[ast.Call, ast.AST]]:
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Attribute) and _root(node.func) in modules):
            yield node, around
        inner = node if isinstance(node, ast.FunctionDef) else around
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    return walk(tree, tree)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def as_html(call: ast.Call) -> list[ast.expr]:
    """What a call gives the browser as HTML."""
    return call.args[:1] if isinstance(call.func, ast.Attribute) and call.func.attr == "html" else []


def as_markdown(call: ast.Call) -> list[ast.expr]:
    """What a call gives the browser as Markdown."""
    method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in MARKDOWN | CHOICES or not (method or name in {"mirror", "select", "scrubber"}):
        return []
    said = [] if name == "scrubber" else call.args[:1]
    options = [word.value for word in call.keywords if word.arg == "format_func" and name in CHOICES]
    return [*said, *(word.value for word in call.keywords if word.arg in WORDS), *options]


def foreign(expression: ast.expr, place: Place) -> set[str]:
    """The parts that are neither ours nor come through a door, as they are written."""
    if ast.unparse(expression) in place.ours or _is_call_of(expression, place.ours):
        return set()
    if isinstance(expression, ast.Name) and expression.id not in place.seen and not _is_table(expression):
        found = list(_assigned(expression.id, place.around))
        place = replace(place, seen=place.seen | {expression.id})
    else:
        known = _parts(expression)
        found = [] if known is None else known
        if known is not None and not found:
            return set()
    if found:
        return set().union(*(foreign(part, place) for part in found))
    followed = isinstance(expression, ast.Name) and expression.id in place.seen and _has_values(expression.id, place)
    return set() if _leads_to_a_table(expression) or followed else {ast.unparse(expression)}


def _has_values(name: str, place: Place) -> bool:
    return next(_assigned(name, place.around), None) is not None


def _is_call_of(expression: ast.expr, names: Collection[str]) -> bool:
    return isinstance(expression, ast.Call) and ast.unparse(expression.func) in names


def _parts(expression: ast.expr) -> list[ast.expr] | None:
    """Of what an expression is put together; none of it: a number, or written there. None: it is not, it is a leaf."""
    match expression:
        case ast.Constant() | ast.Compare() | ast.UnaryOp():
            return []
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value=str(spec))])) if NUMBER.fullmatch(
            spec
        ):
            return []
        case ast.FormattedValue(value=value) | ast.Starred(value=value):
            return [value]
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return [left, right]
        case ast.BinOp():
            return []
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.JoinedStr(values=values) | ast.BoolOp(values=values) | ast.Dict(values=values):
            return list(values)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return list(elements)
        case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.Lambda(body=element):
            return [element]
    return _parts_of_call(expression)


def _parts_of_call(expression: ast.expr) -> list[ast.expr] | None:
    match expression:
        case ast.Call(func=ast.Attribute(attr="join" | "format", value=value), args=args):
            return [value, *args]
        case ast.Call(func=ast.Attribute(attr="replace", value=value), args=[_, new]):
            return [value, new]
        case ast.Call(func=ast.Attribute(attr=name, value=value)) if name in SAME:
            return [value]
    return None


def _leads_to_a_table(expression: ast.expr) -> bool:
    """Whether it is taken out of a table of ours, which are written in capitals: HELP["R"], PRESETS[name].label."""
    while isinstance(expression, ast.Attribute | ast.Subscript | ast.Call):
        if _is_table(expression):
            return True
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return _is_table(expression)


def _is_table(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return len(name) > 1 and name.isupper()


def _assigned(name: str, around: ast.AST) -> Iterator[ast.expr]:
    """What is assigned to a name in this function."""
    for node in ast.walk(around):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _to(target, value, name)
            case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                yield from _to(target, value, name)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _to(target, value, name)


def _to(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for inner, part in zip(target.elts, value.elts, strict=True):
            yield from _to(inner, part, name)
