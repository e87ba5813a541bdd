"""What comes back from our components in the browser may be anything: it is read, said, or passed over."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.inspection.linked_scatters import component as scatters
from app.widgets import cards
from app.widgets.browser import sent
from tests.house import ROOT

NONSENSE = [
    None, True, 0, 7, 1.5, float("nan"), float("inf"), "", "x", "1.5", "٣", " 7", "7\n", "9" * 19, "9" * 5000, "-",
    "../../x", "![x](http://evil.test)", [], [[]], {}, {"ids": 1}, ["x"], [None], [1, [2]], {"opened": "7"}, 10**400,
]  # fmt: skip
"""Nothing of this is the id of a sample; only [] is a list of some."""


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:20])
def test_what_is_no_sample_is_none(value):
    assert sent.sample(value) is None
    assert sent.samples([value]) is None and sent.samples(["7", value]) is None
    assert sent.samples(value) in (None, [])
    is_class = value is None or (type(value) is int and value in (0, 7))
    assert sent.labels([value]) == ([value] if is_class else None)


def test_whole_numbers_of_64_bits_arrive():
    assert sent.samples(["7", "-1", str(2**63 - 1), str(-(2**63))]) == [7, -1, 2**63 - 1, -(2**63)]
    assert sent.samples([str(2**63)]) is None and sent.labels([0, None, 9]) == [0, None, 9]


@pytest.fixture
def told(monkeypatch):
    """Draws a component, lets it say something of this name, and returns what the page was told."""

    def tell(module, draw, name: str, said: object) -> list[object]:
        state: dict[str, object] = {}
        monkeypatch.setattr(module.st, "session_state", state)

        def component(*, key, data, **changes):
            for whole in (said, {"other": said}, {name: said}):
                state[key] = whole
                changes[f"on_{name}_change"]()

        monkeypatch.setattr(module, "_component", component)
        heard: list[object] = []
        draw(heard.append)
        return heard

    return tell


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:20])
def test_scatters_and_cards_pass_over_what_is_no_sample(told, value):
    def nobody(value):
        raise AssertionError

    def drawn_cards(hear):
        cards.gallery([], [], None, None, "cards", hear)

    def drawn_scatters(hear):
        scatters.lens({}, "lens", nobody, hear)

    def drawn_lassos(hear):
        scatters.lens({}, "lens", hear, nobody)

    # The one whole that is right: {"opened": "7"}.
    right = [7] if value == {"opened": "7"} else []
    assert told(cards, drawn_cards, "opened", value) == right
    assert told(scatters, drawn_scatters, "opened", value) == right
    assert told(scatters, drawn_lassos, "lasso", value) == ([[]] if value == [] else [])
    assert told(scatters, drawn_lassos, "lasso", ["7", "8"]) == [[7, 8]]


def chosen_by_hand() -> None:
    import streamlit as st

    from app.run import by_hand

    by_hand._choose(*st.session_state["asked"])


@pytest.mark.parametrize("value", [
    *NONSENSE[1:], {"ids": ["1"], "labels": []}, {"ids": ["x"], "labels": [1]}, {"ids": ["1"], "labels": ["1"]},
    {"ids": ["1"], "labels": [{}]}, {"ids": {"1": 1}, "labels": [1]}, {"labels": [1]}, {"ids": ["1"], "labels": [1.5]},
], ids=lambda value: repr(value)[:40])  # fmt: skip
def test_a_choice_by_hand_that_cannot_be_read_is_a_sentence_and_nothing_is_asked_for(monkeypatch, value):
    from app.run import by_hand

    query = SimpleNamespace(task=1, round=1)
    asked: list[object] = []
    monkeypatch.setattr(by_hand.data, "live_run", lambda path: SimpleNamespace(history=lambda: None))
    monkeypatch.setattr(by_hand.data, "status_of", lambda run: None)
    monkeypatch.setattr(by_hand.data, "control_of", lambda run: SimpleNamespace(choice=None))
    monkeypatch.setattr(by_hand, "waiting", lambda history, status: query)
    monkeypatch.setattr(by_hand, "cards", lambda *args: {})
    monkeypatch.setattr(by_hand, "_component", lambda **more: SimpleNamespace(bought=value))
    monkeypatch.setattr(by_hand, "request", lambda *args, **more: asked.append(more))
    test = AppTest.from_function(chosen_by_hand)
    test.session_state["asked"] = (SimpleNamespace(path=None), query)
    test.run()
    assert not test.exception and asked == []
    assert [error.value for error in test.error] == ["What was chosen cannot be read: choose again."]


@pytest.mark.parametrize("value", [True, 7, ["x"], {"a": 1}, "x", "![x](http://evil.test)"], ids=repr)
def test_a_cell_of_the_table_that_is_none_opens_nothing(monkeypatch, value):
    drawn: list[dict] = []

    def component(**more):
        drawn.append(more["data"])
        return SimpleNamespace(opened=value)

    monkeypatch.setattr("app.compare.paper_table._component", component)
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    test.query_params["view"], test.query_params["from"] = "table", "recorded"
    test.switch_page(str(ROOT / "pages" / "compare.py")).run()
    assert not test.exception and drawn
    assert not [button for button in test.button if (button.key or "").startswith("cell-")]
    kept = test.session_state["compare-cell"] if "compare-cell" in test.session_state else ""
    assert isinstance(kept, str)
