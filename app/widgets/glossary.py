"""The glossary: every term of the field, strategy and CL method, from every page; formulas one click behind the words.

Its papers are links to click: nothing is fetched by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from acl.plugins.description import Kind
from acl.plugins.registry import in_order
from app import citing, words
from app.glossary import GROUPS, PLUGINS, Paper
from app.store.runs import label_of

PLACE = """<style>
div:has(> .st-key-glossary) { position: fixed; top: .45rem; right: 10.2rem; z-index: 999991; width: auto; }
.st-key-glossary button { color: inherit; }
.st-key-glossary-list { max-height: min(30rem, 62vh); overflow-y: auto; padding-right: .5rem; }
</style>"""
PLUGIN_GROUPS: dict[str, Kind] = {"Query strategies": "strategies", "CL methods": "learners"}
WIDTH = 560


def popover() -> None:
    """In the head of every page."""
    with st.container(key="glossary"):
        _popover()
    st.html(PLACE)


@st.fragment
def _popover() -> None:
    found = st.popover("Glossary", icon=":material/menu_book:", type="tertiary", key="glossary-open", on_change="rerun")
    if not found.open:
        return
    with found, st.container(width=WIDTH):
        with st.container(horizontal=True, vertical_alignment="center"):
            sought = st.text_input(
                "Search", key="glossary-search", placeholder="a word, e.g. forgetting", label_visibility="collapsed"
            )
            full = st.toggle("Formulas and papers", key="glossary-full")
        with st.container(key="glossary-list"):
            st.markdown("\n\n".join(entries(sought, full)) or "No term has this word.")
        with st.expander("Cite", icon=":material/format_quote:"), st.container(height=220):
            st.code(citing.everything(), language=None, wrap_lines=True)


def entries(sought: str, full: bool) -> list[str]:
    """In Markdown the headings and terms that have this word in them; full: with their formulas and papers."""
    listed: list[str] = []
    for heading, group in (*_terms(full), *_plugins(full)):
        found = [said for name, said in group if sought.strip().lower() in f"{name} {said}".lower()]
        if found:
            listed += [f"##### {heading}", *found]
    return listed


def _terms(full: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for heading, group in GROUPS.items():
        yield (
            heading,
            [(term.name, _entry(term.name, term.says, term.formula, term.papers, full)) for term in group.values()],
        )


def _plugins(full: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for heading, kind in PLUGIN_GROUPS.items():
        group = []
        for name in in_order(kind):
            written = PLUGINS.get((kind, name))
            formula, papers = (written.formula, written.papers) if written else ("", ())
            label = words.plain(label_of(kind, name))
            group.append((label, _entry(label, words.does(kind, name), formula, papers, full)))
        yield heading, group


def _entry(name: str, says: str, formula: str, papers: Sequence[Paper], full: bool) -> str:
    said = f"**{name}**  \n{says}"
    if not full:
        return said
    written = [f"$$\n{formula}\n$$"] if formula else []
    read = [f":small[{paper.who}: [{paper.title}]({paper.link}), {paper.where}]" for paper in papers]
    return "\n\n".join([said, *written, *read])
