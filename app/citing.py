"""BibTeX of this tool, and of every paper that the glossary names."""

from __future__ import annotations

import re

import acl
from app.glossary import GROUPS, PLUGINS, Paper

TOOL = """@software{{acl-explorer,
  title = {{{{ACL Explorer}}: watch a network forget, and see which samples a labelling budget should buy}},
  author = {{{{The ACL Explorer authors}}}},
  version = {{{version}}},
  year = {{2026}},
}}"""


def papers() -> list[Paper]:
    """Each once, in the order of the glossary's strategies and CL methods, then of its terms."""
    named = [paper for written in PLUGINS.values() for paper in written.papers]
    named += [paper for group in GROUPS.values() for term in group.values() for paper in term.papers]
    return list(dict.fromkeys(named))


def bibtex(paper: Paper) -> str:
    """One entry. "et al." is BibTeX's "and others"; a venue without a name is a preprint."""
    year = paper.where[-4:]
    venue = paper.where[:-4].strip(" ,")
    authors = re.sub(r", | and ", " and ", paper.who).replace(" et al.", " and others")
    first = re.sub(r"\W", "", authors.split(" and ")[0]).lower()
    word = next(each for each in re.findall(r"\w+", paper.title.lower()) if len(each) > 3)
    kind = "techreport" if venue.startswith("University") else "inproceedings" if venue else "misc"
    place = {"techreport": "institution", "inproceedings": "booktitle"}.get(kind)
    fields = {"title": f"{{{paper.title}}}", "author": _whole(authors), **({place: venue} if place else {})}
    fields |= {"year": year, "url": paper.link}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{first}{year}{word},\n{lines}}}"


def _whole(authors: str) -> str:
    """Surnames of several words stay whole."""
    return " and ".join(f"{{{each}}}" if " " in each else each for each in authors.split(" and "))


def everything() -> str:
    return "\n\n".join([TOOL.format(version=acl.__version__), *map(bibtex, papers())])
