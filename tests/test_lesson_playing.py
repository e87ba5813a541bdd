"""Pictures that follow each other: by the clock, however often they are drawn."""

from __future__ import annotations

import time

from app.lesson import playing


def test_one_picture_a_period_and_then_none_until_it_is_played_again(monkeypatch):
    now = [time.monotonic() + 100.0]
    monkeypatch.setattr(playing.st, "session_state", {})
    monkeypatch.setattr(playing.time, "monotonic", lambda: now[0])
    seen = []
    for _ in range(9):
        seen.append(playing.step("labels", 4, 1.0))
        now[0] += playing.RECORDING_S
    assert seen == [1, 1, 2, 2, 3, 3, 4, 4, 4] and playing.rhythm("labels") is None
    playing.forget("labels")
    assert playing.step("labels", 4, 1.0) == 1 and playing.rhythm("labels") == playing.RECORDING_S
    # A machine that was busy for long misses no picture.
    now[0] += 60
    assert playing.step("labels", 4, 1.0) == 2
