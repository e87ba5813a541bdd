"""What plug-ins and their scores are called, and what they say they do."""

from __future__ import annotations

import math
from collections.abc import Iterable

from acl.config import RunConfig
from acl.plugins.description import Kind
from acl.plugins.registry import choices
from acl.plugins.unused import KINDS
from app.charts.score_plane import axis
from app.store.runs import label_of
from app.words.markdown import plain


def strategy(name: str) -> str:
    return label_of("strategies", name)


def described(kind: Kind, names: Iterable[str]) -> str:
    """For the help of a menu of plug-ins, a line for each: what it is called, and what it says it does."""
    lines = [(label_of(kind, name), does(kind, name)) for name in names]
    return "".join(f"\n- **{plain(label)}**: {said}" for label, said in lines if said)


def of_menu(setting: str, names: Iterable[str]) -> str:
    """The help of a menu that chooses this setting among plug-ins: what the setting is, and a line for each choice."""
    return f"{RunConfig.model_fields[setting].description}\n{described(KINDS[setting], names)}"


def does(kind: Kind, name: str) -> str:
    """What a plug-in says it does, in Markdown; empty for one that is not installed."""
    found = choices(kind).get(name)
    return plain(found.summary.removeprefix(f"{found.label}: ")) if found else ""


def uses_lambda(strategy: str) -> bool:
    found = choices("strategies").get(strategy)
    return found is not None and "lambda" in found.settings


def short(score: float) -> str:
    """A score that fits below a picture; one that a sample does not have is a dash."""
    if math.isnan(score):
        return "–"
    text = f"{score:.2g}"
    return text if len(text) <= 6 else f"{score:.0e}"


def score(name: str) -> str:
    """What a score is called on an axis or in a menu."""
    return axis(name).title


def short_score(name: str) -> str:
    """What it is called in small places, if that is another name."""
    return axis(name).short


def axes(strategy: str) -> tuple[str, str] | None:
    """The two scores that tell most about a strategy's choice, as it says itself."""
    found = choices("strategies").get(strategy)
    return found.axes if found else None


def picks(strategy: str) -> str:
    """How a strategy picks by its scores, as it says itself; "" where it says nothing, or is not installed here."""
    found = choices("strategies").get(strategy)
    return found.picks if found else ""
