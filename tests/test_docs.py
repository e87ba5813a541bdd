"""The pages that people read: short where they promise it, and every link leads somewhere."""

from __future__ import annotations

import re

import pytest

import acl
from app import citing
from app.glossary import PLUGINS
from tests.house import ROOT

CITING = ROOT / "docs" / "citing.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_leads_to_a_file(page):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")) if "://" not in link]
    assert all((page.parent / link.split("#")[0]).exists() for link in links), links


def test_every_page_of_docs_is_named_in_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"docs/{page.name}" in readme for page in PAGES if page.parent.name == "docs")


def test_short_pages_stay_short():
    assert (ROOT / "README.md").stat().st_size <= 8_000
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 50


def test_the_citation_is_of_this_version():
    said = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^version: (.+)$", said, re.MULTILINE)[1] == acl.__version__


def test_every_paper_is_cited_once_in_the_app_and_on_the_page():
    entries = citing.everything()
    assert entries in CITING.read_text("utf-8"), "make fix writes it anew"
    keys = re.findall(r"^@\w+\{([^,]+),$", entries, re.MULTILINE)
    assert len(set(keys)) == len(keys) == 1 + len(citing.papers())
    assert {paper for written in PLUGINS.values() for paper in written.papers} <= set(citing.papers())
    assert all(entry.count("{") == entry.count("}") for entry in entries.split("\n\n"))
    assert "author = {Park and Park and Lee}," in entries and "author = {Ash and others}," in entries
    assert "author = {{van de Ven} and Tolias}," in entries


if __name__ == "__main__":
    head, _ = CITING.read_text("utf-8").split("```bibtex\n")
    CITING.write_text(f"{head}```bibtex\n{citing.everything()}\n```\n", "utf-8")
