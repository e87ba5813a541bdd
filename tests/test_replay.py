"""A run as one page: what it holds, how large it is, and that it plays from the disk without asking anybody."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from safetensors.numpy import load_file

from acl.cli import main
from acl.config import UserError
from acl.events import Bought, Evaluated, Remembered, Scored
from acl.presets import preset_config
from acl.results.replay import MOST_POINTS, replay
from acl.runs.folder import Run, create
from app.store.session import RECORDED
from tests.browser import browser_page
from tests.conftest import small_config
from tests.test_steering import finished_run

MOST_BYTES = 8_000_000
RUN = Run(RECORDED / "recorded-er-accuacl-digits-s0")
"""Of the preset digits-demo."""


def shown(page: str) -> dict:
    return json.loads(re.search(r'id="shown">(.*?)</script>', page, re.DOTALL)[1])


def test_it_holds_every_round_of_the_run():
    page, history = replay(RUN), RUN.history()
    moments = shown(page)["moments"]
    assert RUN.config.preset == preset_config("digits-demo").preset and len(page.encode()) <= MOST_BYTES
    told = [(m["task"], m["round"], m["accuracy"]) for m in moments]
    tested = history.of(Evaluated)
    assert told == [(e.task, e.round, [round(100 * a, 1) for a in e.accuracy]) for e in tested]
    asked = {(e.task, e.round): e for e in history.of(Scored)}
    for moment, bought in zip(moments, history.of(Bought), strict=True):
        assert [tuple(pair) for pair in moment["bought"]] == list(zip(bought.ids, bought.labels, strict=True))
        query = asked.get((moment["task"], moment["round"]))
        assert len(moment["points"]) == (min(query.pool, MOST_POINTS) if query else 0)
        assert {p[0] for p in moment["points"] if p[3]} == (set(bought.ids) if query else set())
        before = [e for e in history.of(Remembered) if e.task < moment["task"]]
        assert [i for i, _ in moment["memory"]] == (before[-1].ids if before else [])


def test_its_pictures_are_those_of_the_samples():
    pictures = shown(replay(RUN))["pictures"]
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures["url"].split(",")[1]))))
    thumbs = load_file(RUN.thumbs)
    for id_, place in pictures["place"].items():
        down, across = (8 * at for at in divmod(place, pictures["across"]))
        (image,) = thumbs["images"][thumbs["ids"] == int(id_)]
        assert (sheet[down : down + 8, across : across + 8] == image[..., 0]).all()
    named = {i for e in RUN.history().of(Bought) for i in e.ids}
    assert named <= set(map(int, pictures["place"]))


def test_foreign_names_stay_text(runs):
    run = finished_run(runs, epochs=1)
    text = run.events.read_text().replace('"class_names": ["0"', '"class_names": ["</script><img src=x>"')
    run.events.write_text(text)
    page = replay(run)
    assert "<img src=x>" not in page and shown(page)["classes"][0] == "</script><img src=x>"


def test_a_run_without_pictures_or_scores_plays_too(runs, monkeypatch):
    run = finished_run(runs, epochs=1, snapshots="off")
    monkeypatch.setattr("acl.results.replay.prepare", lambda config: (_ for _ in ()).throw(UserError("gone")))
    found = shown(replay(run))
    assert not found["pictures"]["url"] and not any(m["points"] for m in found["moments"])


def test_a_run_that_has_tested_nothing_is_a_sentence(runs):
    with pytest.raises(UserError, match="has tested nothing yet"):
        replay(create(small_config(), runs))


@pytest.mark.parametrize("dark", [False, True])
def test_it_plays_from_the_disk_and_asks_nobody(tmp_path, capsys, dark):
    target = tmp_path / "run.html"
    assert main(["export", str(RUN.path), "--html", str(target)]) == 0
    assert capsys.readouterr().out.strip() == str(target) and target.stat().st_size <= MOST_BYTES
    assert main(["export", str(RUN.path), "--html", str(target)]) == 2 and "--html" in capsys.readouterr().err
    asked, wrong = [], []
    with browser_page(dark=dark) as page:
        page.context.set_offline(True)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(target.as_uri())
        expect(page.locator("#curves .main-svg").first).to_be_visible()
        where, last = page.locator("#where"), len(RUN.history().of(Evaluated)) - 1
        expect(where).to_have_text("task 1, first labels")
        page.keyboard.press("ArrowRight")
        expect(where).to_have_text("task 1, round 1")
        expect(page.locator("#bought .card")).to_have_count(10)
        assert (
            page.locator("#bought .picture").first.evaluate("it => it.style.backgroundImage").startswith('url("data:')
        )
        page.get_by_role("button", name="Play").click()
        expect(where).to_have_text("task 1, round 2")
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("slider").fill(str(last))
        expect(where).to_have_text("task 5, round 3")
        expect(page.locator("#memory .card")).to_have_count(10)
        drawn = page.locator("#curves .scatterlayer .trace")
        expect(drawn).to_have_count(5)
        page.locator("#plane .point").last.hover(force=True)
        expect(page.locator("#hovered .card")).to_be_visible()
    assert {url.split(":")[0] for url in asked} <= {"file", "data"} and len([u for u in asked if u[:4] == "file"]) == 1
    assert not wrong
