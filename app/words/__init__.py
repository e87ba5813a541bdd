"""The sentences of the app: what runs are called, what they are doing, what happened, what a term means."""

from app.glossary import TERMS
from app.words.markdown import plain
from app.words.of_events import event_name, story
from app.words.of_plugins import axes, described, does, of_menu, picks, score, short, short_score, strategy, uses_lambda
from app.words.of_runs import (
    STATE,
    Colour,
    at,
    by_hand,
    class_names,
    device,
    duration,
    happened,
    pace_of_work,
    phase,
    requested,
    run_title,
    short_id,
    since,
    title,
    when,
)
from app.words.of_settings import OPTIONS, changes, in_titles, option, settings, why

HELP = {key: term.says for key, term in TERMS.items()}

__all__ = [
    "Colour",
    "HELP",
    "OPTIONS",
    "STATE",
    "at",
    "axes",
    "by_hand",
    "changes",
    "class_names",
    "described",
    "device",
    "does",
    "duration",
    "event_name",
    "happened",
    "in_titles",
    "of_menu",
    "option",
    "pace_of_work",
    "phase",
    "picks",
    "plain",
    "requested",
    "run_title",
    "score",
    "settings",
    "short",
    "short_id",
    "short_score",
    "since",
    "story",
    "strategy",
    "title",
    "uses_lambda",
    "when",
    "why",
]
