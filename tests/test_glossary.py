"""The glossary: one text a term, and for each letter its formula."""

from __future__ import annotations

import ast
import re

import pytest

from acl.plugins.registry import discover
from acl.results.significance import METRICS
from app import glossary, words
from app.glossary import GROUPS, PLUGINS, TERMS
from app.widgets.glossary import entries
from tests.browser import at_rest, browser_page, running_app
from tests.house import ROOT, modules
from tests.tools import wait_for

LETTERS = ("R", "A", "LA", "LA − A", "F", "−BWT", "λ", "M", "D", "J", "F*", "f", "K", "n", "±")
FORMULAS = {term.name: term.formula for term in TERMS.values() if term.formula} | {
    "/".join(key): written.formula for key, written in PLUGINS.items()
}


def asked_for() -> set[str]:
    """The keys that pages take out of HELP: those that stand there, and those of a loop over names that stand there."""
    found = set()
    for path in [*modules("app"), *modules("pages")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.GeneratorExp) and "HELP[" in ast.unparse(node.elt):
                found |= set(ast.literal_eval(node.generators[0].iter))
            if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] == "HELP":
                found |= {node.slice.value} if isinstance(node.slice, ast.Constant) else set()
    return found


def test_whatever_a_page_explains_is_a_term():
    assert len(asked_for()) > 15
    assert asked_for() | set(METRICS) <= TERMS.keys()
    assert {key: term.says for key, term in TERMS.items()} == words.HELP


SAID_IN_THE_LESSON = {
    "task": "Task", "label": "Label", "round": "Round", "epoch": "Step and epoch", "step": "Step and epoch",
    "seed": "Seed", "accuracy": "Accuracy", "standard error": "Standard error, ±", "within noise": "Within noise",
    "points": "Points", "memory": "Memory", "kept": "Accuracy kept, A", "learned": "Accuracy learned, LA",
    "forgotten": "Forgotten, LA − A",
}  # fmt: skip


def test_whatever_word_of_the_field_the_first_chapters_use_is_a_term():
    home = ROOT / "app" / "lesson"
    files = [home / "chapters" / f"{name}.py" for name in ("forgetting", "memory", "labels")]
    files += [home / f"{name}.py" for name in ("playing", "changes", "measured")]
    said = "\n".join(path.read_text("utf-8") for path in files)
    names = [term.name for term in TERMS.values()]
    for word, name in SAID_IN_THE_LESSON.items():
        assert word in said and name in names, word
        assert f"**{name}**" in "\n".join(entries(word, full=False))


def test_plain_words_come_before_symbols():
    """No sentence begins with a letter of a formula."""
    for term in TERMS.values():
        first = term.says.split()[0].strip(":,")
        assert not re.fullmatch(r"[A-Zλ](_\w+|\*|\[.*)?|LA|−?BWT", first) or first == "A", term.says


def test_a_term_has_one_name_and_one_sentence():
    listed = [term for group in GROUPS.values() for term in group.values()]
    assert len(listed) == len(TERMS)
    for said in ("name", "says"):
        assert len({getattr(term, said) for term in listed}) == len(listed)


def test_every_letter_has_a_formula():
    by_letter = {term.name.rpartition(", ")[2]: term for term in TERMS.values()}
    assert by_letter.keys() >= set(LETTERS)
    assert [letter for letter in LETTERS if not by_letter[letter].formula] == []
    single = [letter for letter in by_letter if len(letter) < 3]
    assert set(single) <= set(LETTERS)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_is_whole(name):
    formula = FORMULAS[name]
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", formula):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"\\left\b", formula)) == len(re.findall(r"\\right\b", formula))
    assert "$" not in formula and "\n" not in formula


def test_each_strategy_and_each_method_of_ours_is_written_down_and_says_itself_what_it_does():
    ours = {("strategies", "full")}
    for kind in ("strategies", "learners"):
        ours |= {(kind, name) for name, found in discover(kind).items() if found.ours}
    assert PLUGINS.keys() == ours
    said = "\n".join(entries("", full=False))
    source = (ROOT / "app" / "glossary.py").read_text("utf-8")
    for kind, name in ours:
        assert words.does(kind, name) in said
        assert words.does(kind, name) not in source


def test_papers_are_named_once_and_linked():
    papers = [value for value in vars(glossary).values() if isinstance(value, glossary.Paper)]
    used = {paper for one in [*TERMS.values(), *PLUGINS.values()] for paper in one.papers}
    assert set(papers) == used
    assert len({paper.link for paper in papers}) == len(papers)
    assert all(re.fullmatch(r"https://[\w./?=-]+", paper.link) for paper in papers)
    listed = "\n".join(entries("", full=True))
    assert all(f"]({paper.link})" in listed for paper in papers)


def test_words_first_and_formulas_when_asked_for():
    plain, full = entries("", full=False), entries("", full=True)
    assert len(plain) == len(full) and not any("$" in said for said in plain)
    assert sum(said.count("$$") for said in full) == 2 * len(FORMULAS)


def test_a_word_finds_its_terms():
    found = entries(" Jaccard ", full=False)
    assert found == ["##### What else is shown", f"**Overlap**  \n{TERMS['overlap'].says}"]
    assert entries("no such word", full=True) == []


def _beside_each_other(page, button) -> bool:
    """The links, the glossary and the switch, from left to right and within the window."""
    mine, switch = button.bounding_box(), page.locator(".st-key-projector-switch").bounding_box()
    links = [one.bounding_box() for one in page.get_by_test_id("stTopNavLinkContainer").all()]
    ends = [max(box["x"] + box["width"] for box in links), mine["x"] + mine["width"], switch["x"] + switch["width"]]
    return len(links) >= 6 and ends[0] <= mine["x"] and ends[1] <= switch["x"] and ends[2] <= 1024


def test_in_the_head_of_every_page_it_covers_nothing_and_sets_its_formulas(tmp_path):
    with running_app(tmp_path / "runs", tmp_path) as app, browser_page(1024) as page:
        foreign = []
        page.on("request", lambda asked: foreign.append(asked.url) if not asked.url.startswith(app.url) else None)
        pages = ("", "start", "run", "inspect", "compare", "library")
        for address in (*pages, "library?projector=true"):
            page.goto(f"{app.url}/{address}")
            button = page.get_by_role("button", name="Glossary")
            button.wait_for()
            at_rest(page)
            # On a busy machine the style that lifts them into the head is there a moment after what it is for.
            wait_for(lambda at=button: _beside_each_other(page, at), 10)
        page.goto(f"{app.url}/library")
        page.get_by_role("button", name="Glossary").click()
        page.get_by_text("Accuracy kept, A", exact=True).wait_for()
        assert page.locator(".katex").count() == 0
        page.get_by_text("Formulas and papers", exact=True).click()
        page.locator(".st-key-glossary-list .katex-display").nth(len(FORMULAS) - 1).wait_for()
        assert page.locator(".katex-error").count() == 0
        assert page.locator(".st-key-glossary-list .katex-display").count() == len(FORMULAS)
        page.get_by_placeholder("a word, e.g. forgetting").fill("jaccard")
        page.get_by_placeholder("a word, e.g. forgetting").press("Enter")
        page.get_by_text("Accuracy kept, A", exact=True).wait_for(state="detached")
        assert not [url for url in foreign if not url.startswith(("data:", "blob:"))]
