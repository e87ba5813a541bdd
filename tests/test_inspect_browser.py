"""The Inspect page in Chromium: the lasso, the hover card, what-if and the downloads, light and dark."""

from __future__ import annotations

import re
from math import isnan
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from safetensors.numpy import save_file

from acl.presets import preset_config
from acl.runs.control import request
from acl.runs.folder import Run, create
from acl.service.worker import execute
from app.store import runs as data
from app.store.session import RECORDED
from tests.browser import App, at_rest, browser_page, running_app
from tests.conftest import small_config
from tests.contexts import make_context
from tests.tools import wait_for

pytestmark = pytest.mark.e2e
NAME = "recorded-er-accuacl-digits-s0"
READ = """root => {
  const lens = root.lens, frame = lens.plots[0].top.getBoundingClientRect();
  return {ids: lens.ids, role: lens.role, at: lens.ids.map(id => root.positionOf(0, id)),
          frame: [frame.left, frame.top, frame.right, frame.bottom]};
}"""


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    with running_app(tmp_path_factory.mktemp("app") / "runs", tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def opened(app: App, page: Page) -> dict:
    page.goto(f"{app.url}/inspect?run={NAME}")
    expect(page.locator(".lens .plot").first).to_be_visible()
    expect(page.locator(".cards button")).to_have_count(10)
    return at_their_places(page)


def at_their_places(page: Page) -> dict:
    """Where the points are, once they have travelled to their places: two looks see the same (NaN is no equal)."""

    def look() -> dict:
        page.wait_for_timeout(1000)
        return page.locator(".lens").evaluate(READ)

    def resting() -> dict | None:
        before, now = look(), look()
        return now if repr(before) == repr(now) else None

    return wait_for(resting)


def gallery_ids(page: Page) -> list[int]:
    return [int(text) for text in page.locator(".cards button").evaluate_all("nodes => nodes.map(n => n.dataset.id)")]


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1024, True)])
def test_a_lasso_fills_the_gallery_with_the_samples_inside_it(app, width, dark):
    with browser_page(width=width, dark=dark) as page:
        seen = opened(app, page)
        left, top, right, bottom = seen["frame"]
        # From the eighth point from the right on, over the whole height.
        xs = sorted(at["x"] for at in seen["at"] if not isnan(at["x"]))
        x0, y0, x1, y1 = xs[-8] - 0.5, top + 4, right - 4, bottom - 45
        inside = {
            int(id_) for id_, at in zip(seen["ids"], seen["at"], strict=True) if x0 < at["x"] < x1 and y0 < at["y"] < y1
        }
        assert 0 < len(inside) <= 60
        page.mouse.move(x0, y0)
        page.mouse.down()
        for x, y in ((x1, y0), (x1, y1), (x0, y1), (x0, y0)):
            page.mouse.move(x, y, steps=5)
        page.mouse.up()
        expect(page.locator(".st-key-gallery-controls")).to_contain_text(f"Lasso ({len(inside)})")
        expect(page.locator(".cards button")).to_have_count(len(inside))
        assert set(gallery_ids(page)) == inside
        page.get_by_role("button", name="Clear selection").click()
        expect(page.locator(".st-key-gallery-controls")).to_contain_text("Lasso (0)")
        assert page.locator('[data-testid="stException"]').count() == 0


def test_a_box_in_the_map_marks_the_same_samples_memory_included(app):
    with browser_page() as page:
        opened(app, page)
        box = page.locator(".lens .plot").nth(1).bounding_box()
        frame = page.locator(".lens").evaluate("root => root.lens.ids.map(id => [id, root.positionOf(1, id)])")
        middle, right = box["x"] + box["width"] / 2, box["x"] + box["width"] - 4
        top, bottom = box["y"] + 4, box["y"] + box["height"] - 45
        inside = {int(id_) for id_, at in frame if middle < at["x"] < right and top < at["y"] < bottom}
        page.keyboard.down("Shift")
        page.mouse.move(middle, top)
        page.mouse.down()
        page.mouse.move(right, bottom, steps=5)
        page.mouse.up()
        page.keyboard.up("Shift")
        expect(page.locator(".st-key-gallery-controls")).to_contain_text(f"Lasso ({len(inside)})")
        marked = page.locator(".lens").evaluate("root => [...root.lens.selected]")
        assert {int(id_) for id_ in marked} == inside
        wait_for(lambda: len(gallery_ids(page)) == min(len(inside), 60))
        assert set(gallery_ids(page)) <= inside


def test_the_hover_card_shows_the_picture_of_its_sample(app):
    run = Run(RECORDED / NAME)
    with browser_page() as page:
        seen = opened(app, page)
        place = seen["role"].index(3)
        at, id_ = seen["at"][place], seen["ids"][place]
        page.mouse.move(at["x"] - 40, at["y"] - 40)
        page.mouse.move(at["x"], at["y"])
        expect(page.locator(".lens")).to_have_attribute("data-hover", id_)
        expect(page.locator(".lens .card")).to_contain_text(f"sample {id_}")
        drawn = page.locator(".lens .card canvas").evaluate(
            "c => Array.from(c.getContext('2d').getImageData(0, 0, 64, 64).data)"
        )
        shown = np.array(drawn, dtype=np.uint8).reshape(64, 64, 4)[4::8, 4::8, 0]
        assert np.array_equal(shown, data.pictures(run, [int(id_)])[0, :, :, 0])
        page.mouse.click(at["x"], at["y"])
        expect(page.locator(".st-key-sample-card")).to_contain_text(f"Sample {id_}")
        expect(page).to_have_url(re.compile(f"sample={id_}"))
        expect(page.locator(".st-key-sample-card")).to_contain_text("Picked: rank")


def test_lambda_changes_the_picks_and_returns_to_the_recorded_ones(app):
    with browser_page() as page:
        opened(app, page)
        before = gallery_ids(page)
        thumb = page.get_by_role("slider", name="λ, weight of the past")
        thumb.focus()
        for _ in range(60):
            thumb.press("ArrowLeft")
        expect(page).to_have_url(re.compile("lambda=0.2"))
        expect(page.locator(".st-key-changes")).to_contain_text("leave")
        wait_for(lambda: gallery_ids(page) != before)
        at_rest(page)
        page.get_by_role("button", name="Back to recorded").click()
        expect(page.locator(".st-key-changes")).to_contain_text("the recorded picks")
        wait_for(lambda: gallery_ids(page) == before)


def test_a_picture_can_be_taken_away(app):
    with browser_page() as page:
        seen = opened(app, page)
        with page.expect_download() as waiting:
            page.get_by_role("button", name="SVG").first.click()
        assert waiting.value.suggested_filename == "magnitude-distribution.svg"
        svg = ElementTree.parse(waiting.value.path()).getroot()
        circles = [node for node in svg.iter() if node.tag.endswith("circle")]
        assert len(circles) == sum(role in (0, 3) for role in seen["role"])
        with page.expect_download() as waiting:
            page.get_by_role("button", name="PNG").first.click()
        picture = np.asarray(Image.open(waiting.value.path()).convert("L"))
        assert picture.shape[0] == 3 * 340 and picture.std() > 5
        page.get_by_role("button", name="Export").click()
        dialog = page.get_by_role("dialog")
        with page.expect_download() as waiting:
            dialog.get_by_role("button", name="CSV").click()
        assert waiting.value.suggested_filename.endswith(".csv")
        with page.expect_download() as waiting:
            dialog.get_by_role("button", name="Target", exact=True).click()
        html = Path(waiting.value.path()).read_text("utf-8")
        assert "Plotly.newPlot" in html and 'src="http' not in html


def test_the_link_in_the_export_dialog_shows_the_same_view(app):
    view = "task=3&round=3&lambda=0.25&n=4&colour=entropy&map=pca"
    with browser_page() as page:
        page.goto(f"{app.url}/inspect?run={NAME}&{view}")
        expect(page.locator(".cards button")).to_have_count(4)
        picked = gallery_ids(page)
        page.get_by_role("button", name="Export").click()
        link = page.get_by_role("dialog").locator("code").inner_text()
        assert link == f"{app.url}/inspect?run={NAME}&{view}"
        page.goto(link)
        expect(page.locator(".lens")).to_contain_text("high entropy")
        assert gallery_ids(page) == picked and page.url == link


MAP = "root => [root.lens.plots[1].view.x_name, Object.fromEntries(root.lens.ids.map((id, i) =>\
  [id, [root.lens.plots[1].x[i], root.lens.plots[1].y[i]]]))]"


def finished_run(app: App) -> Run:
    run = create(small_config(), app.runs)
    execute(run)
    return run


def map_of(page: Page) -> tuple[str, dict[str, list[float]]]:
    return page.locator(".lens").evaluate(MAP)


def test_umap_takes_the_place_of_pca_and_the_next_round_hardly_moves_it(app):
    run = finished_run(app)
    with browser_page() as page:
        page.goto(f"{app.url}/inspect?run={run.id}&task=2&round=1")
        expect(page.locator(".lens .plot").first).to_be_visible()
        assert map_of(page)[0] == "1st principal component"
        expect(page.get_by_text("PCA until UMAP is ready")).to_be_visible()
        wait_for(lambda: map_of(page)[0] == "UMAP, first dimension", 180)
        expect(page.get_by_text(re.compile("PCA until UMAP is ready|UMAP is forming"))).to_have_count(0)
        before = map_of(page)[1]
        page.locator(".st-key-later button:visible").click()
        expect(page).to_have_url(re.compile("round=2"))
        wait_for(lambda: map_of(page)[0] == "UMAP, first dimension" and map_of(page)[1] != before, 60)
        now = map_of(page)[1]
        both = sorted(before.keys() & now.keys())
        old, new = (np.array([places[i] for i in both]) for places in (before, now))
        assert np.median(np.linalg.norm(new - old, axis=1)) < 0.5 * np.linalg.norm(old.std(0))


FORM = """(root, [of, view]) => {
  const { lens } = root, [left, right] = lens.plots;
  const text = (values) => btoa(String.fromCharCode(...new Uint8Array(Float64Array.from(values).buffer)));
  const before = { left: [...left.x, ...left.zoom], zoom: [...right.zoom] };
  const at = (i) => [Math.round(right.at(i)[0]), Math.round(right.at(i)[1])];
  const places = lens.ids.map((_, i) => at(i));
  const x = Array.from(right.x, (v) => 50 * v + 7), y = Array.from(right.y, (v) => 50 * v - 3);
  const detail = { of: of || lens.sprite.name, view: { ...right.view, x: text(x), y: text(y), ...view } };
  dispatchEvent(new CustomEvent("acl-forming", { detail }));
  const jumped = lens.ids.filter((_, i) => at(i).some((v, axis) => Math.abs(v - places[i][axis]) > 1)).length;
  return { taken: right.x[0] === x[0], name: right.view.x_name, jumped,
           left: [...left.x, ...left.zoom].every((v, i) => Object.is(v, before.left[i])) };
}"""


def test_a_layout_that_forms_moves_the_right_picture_alone_and_nothing_jumps(app):
    with browser_page() as page:
        page.goto(f"{app.url}/inspect?run={NAME}&map=pca")
        expect(page.locator(".lens .plot").first).to_be_visible()
        page.wait_for_timeout(1500)
        assert not page.locator(".lens").evaluate(FORM, ["", {}])["taken"], "though none is waited for"
        page.locator(".lens").evaluate("root => root.lens.forms = true")
        told = page.locator(".lens").evaluate(FORM, ["", {"x_name": "forms"}])
        # The same picture fifty times as large: its window grows with it, and no point moves on the page.
        assert told == {"taken": True, "name": "forms", "jumped": 0, "left": True}
        assert not page.locator(".lens").evaluate(FORM, ["another query", {}])["taken"]


def test_play_goes_through_the_queries(app):
    with browser_page() as page:
        page.goto(f"{app.url}/inspect?run={NAME}&task=1&round=1")
        expect(page.locator(".lens .plot").first).to_be_visible()
        # Every address is noted as it comes: on a busy machine some pass between two looks.
        visited: list[str] = []
        page.on("framenavigated", lambda frame: visited.append(frame.url))
        with page.expect_event("framenavigated", lambda frame: "task=2&round=1" in frame.url):
            page.get_by_text("Play", exact=True).click()
        assert any("task=1&round=2" in url for url in visited)
        page.get_by_text("Play", exact=True).click()


def test_follow_live_stays_on_the_newest_query(app):
    config = preset_config("digits-demo", snapshots="all")
    # A run of the same minute and settings must not be taken for the one that is followed.
    create(config, app.runs)
    run = create(config, app.runs)
    create(config, app.runs)
    request(run.path, mode="play", until=(1, 1, "evaluate"))
    with browser_page() as page:
        page.goto(f"{app.url}/inspect?run={run.id}")
        expect(page).to_have_url(re.compile("task=1&round=1"))
        page.get_by_text("Follow live").click()
        expect(page.get_by_role("switch", name="Follow live")).to_be_checked()
        request(run.path, mode="play", until=(2, 1, "evaluate"))
        expect(page).to_have_url(re.compile("task=2&round=1"))
        expect(page.locator(".st-key-inspect-header")).to_contain_text("task 2 · round 1")
        assert run.id in page.url
    request(run.path, mode="stop")


def test_a_snapshot_of_somebody_elses_can_be_dropped_in(app, tmp_path):
    make_context(3, pool=40, n=4).save(tmp_path / "theirs.safetensors")
    images = np.arange(40 * 8 * 8, dtype=np.uint8).reshape(40, 8, 8, 1)
    save_file({"ids": 3 * np.arange(40), "images": images}, tmp_path / "pictures.safetensors")
    with browser_page() as page:
        opened(app, page)
        page.get_by_role("button", name="Snapshot file").click()
        files = page.locator("input[type=file]")
        files.nth(0).set_input_files(tmp_path / "theirs.safetensors")
        # The dialog is drawn anew when the file is there: one given meanwhile falls out of it; nobody is that fast.
        expect(page.get_by_text("theirs.safetensors")).to_be_visible()
        page.wait_for_timeout(2000)
        at_rest(page)
        files.nth(1).set_input_files(tmp_path / "pictures.safetensors")
        expect(page.get_by_text("pictures.safetensors")).to_be_visible()
        # A click into a list that is still growing misses.
        page.wait_for_timeout(2000)
        page.get_by_role("button", name="Look at it").click()
        expect(page.get_by_text("Why these 4?")).to_be_visible()
        expect(page.locator(".st-key-inspect-header")).to_contain_text("Snapshot file theirs.safetensors")
        expect(page).to_have_url(re.compile("snapshot="))
        expect(page.locator(".cards button")).to_have_count(4)
        expect(page.locator(".cards button [style*='data:image']")).to_have_count(4)
