"""The frame of the lesson: one chapter at a time, its question above, what it shows to take away below."""

from __future__ import annotations

from typing import Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.lesson import playing
from app.lesson.chapters import choice, forgetting, labels, memory, trade
from app.widgets import projector
from app.widgets.browser.leaving import new_run


class Chapter(Protocol):
    """What each module of app.lesson.chapters has."""

    QUESTION: str

    def draw(self, picture: DeltaGenerator, controls: DeltaGenerator) -> str:
        """Draw both columns; what the chapter shows to take away, "" as long as it shows nothing yet."""

    def rhythm(self) -> float | None:
        """Seconds after which it must be drawn again; None while it stands still."""

    def reset(self) -> None:
        """From its beginning."""


CHAPTERS: tuple[Chapter, ...] = (forgetting, memory, labels, choice, trade)
FIRST = "1"
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.6rem; }
.st-key-question h3 { padding: 0; font-size: 1.45rem; }
.st-key-question kbd { display: none; }
.st-key-question button { padding: .25rem .7rem; min-height: 2.2rem; }
.st-key-question { gap: .5rem; }
.st-key-takeaway { min-height: 4.6rem; }
</style>"""
ALONE = """<style>
.st-key-question h3 { font-size: 1.2rem; }
.st-key-question button { padding: .2rem .6rem; }
/* Before a room nothing but the chapter; the switch stays, to come back. */
[data-testid="stHeader"] { display: none; }
.stMainBlockContainer { padding: 2rem 2rem .5rem !important; }
.st-key-takeaway p { font-size: .9rem; }
/* On a low screen all of it still is one. */
@media (max-height: 850px) {
    .stMainBlockContainer { padding-top: 1.4rem !important; }
    .stMainBlockContainer .stColumn:last-child .stMarkdown p { font-size: .85rem; line-height: 1.4; }
    .stMainBlockContainer .stColumn:last-child [data-testid="stCaptionContainer"] p { font-size: .72rem; }
    .stMainBlockContainer .stColumn .stVerticalBlock { gap: .6rem; }
    .st-key-takeaway [data-testid="stAlertContainer"] { padding: .5rem .8rem; }
    .st-key-takeaway p { line-height: 1.4; }
}
</style>"""


def page() -> None:
    st.html(STYLE + (ALONE if projector.on() else ""))
    number = _chapter()
    chapter = CHAPTERS[number - 1]
    with st.container(horizontal=True, vertical_alignment="center", key="question"):
        st.markdown(f"### {chapter.QUESTION}", width="stretch")
        _dots(number)
    rhythm = chapter.rhythm()
    st.fragment(_draw, run_every=rhythm)(chapter, rhythm)


def _draw(chapter: Chapter, rhythm: float | None) -> None:
    """All that moves: one fragment, drawn again as often as the chapter plays."""
    picture, controls = st.columns([5, 2], gap="medium")
    takeaway = st.container(key="takeaway")
    said = chapter.draw(picture, controls)
    if said:
        takeaway.success(said, icon=":material/lightbulb:")
    else:
        takeaway.html("<div></div>")  # an empty container has no place
    playing.begin()
    if chapter.rhythm() != rhythm:
        st.rerun()


def _chapter() -> int:
    """Which chapter is shown, from 1: as the address says, else as this tab saw last."""
    wanted = st.query_params.get("chapter") or st.session_state.get("chapter") or FIRST
    number = int(wanted) if wanted in {str(n) for n in range(1, len(CHAPTERS) + 1)} else 1
    st.session_state["chapter"] = st.query_params["chapter"] = str(number)
    return number


def _go(number: int) -> None:
    st.session_state["chapter"] = st.query_params["chapter"] = str(number)


def _dots(number: int) -> None:
    """Where one is, and the way on: buttons and keys."""
    last = len(CHAPTERS)
    st.button(
        "", icon=":material/arrow_back:", key="lesson-back", shortcut="Left", type="tertiary",
        on_click=_go, args=(max(number - 1, 1),), disabled=number == 1, help="The chapter before.",
    )  # fmt: skip
    for each, chapter in enumerate(CHAPTERS, start=1):
        st.button(
            str(each), key=f"lesson-{each}", on_click=_go, args=(each,), help=chapter.QUESTION, shortcut=str(each),
            type="primary" if each == number else "secondary",
        )  # fmt: skip
    if number < last:
        st.button(
            "", icon=":material/arrow_forward:", key="lesson-next", shortcut="Right", type="tertiary", on_click=_go,
            args=(number + 1,), help="The next chapter.",
        )  # fmt: skip
    elif st.button(
        "Start a run", icon=":material/arrow_forward:", icon_position="right", key="lesson-end", shortcut="Right",
        type="tertiary", help="The lesson ends here: go on with a run of your own, on the page New run.",
    ):  # fmt: skip
        new_run()
    st.button(
        "", icon=":material/restart_alt:", key="lesson-reset", type="tertiary", on_click=CHAPTERS[number - 1].reset,
        help="This chapter from its beginning.",
    )  # fmt: skip
