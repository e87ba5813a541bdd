"""What did it do?, in Chromium: Measure fills the cloud, a lasso becomes a star, a dot shows its samples."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About
from acl.analysis.outcomes.summary import table
from acl.runs.folder import Run
from app.charts import outcomes_plane as charts
from app.inspection.panels.outcomes import dots, panel
from app.store.session import RECORDED
from tests.browser import at_rest, browser_page, running_app
from tests.test_inspect_browser import NAME, READ
from tests.tools import wait_for

pytestmark = pytest.mark.e2e
AT = (3, 1)


def test_measure_fills_the_cloud_a_lasso_lands_as_a_star_and_a_dot_shows_its_samples(tmp_path):
    runs, run = tmp_path / "runs", Run(RECORDED / NAME)
    with running_app(runs, tmp_path) as app, browser_page() as page:
        page.goto(f"{app.url}/inspect?run={NAME}&task={AT[0]}&round={AT[1]}")
        expect(page.locator(".lens .plot").first).to_be_visible()
        page.get_by_text(panel.TITLE, exact=True).click()
        expect(page.get_by_text("not measured yet: press Measure")).to_be_visible()
        page.get_by_role("button", name="Measure", exact=True).click()
        expect(page.get_by_text("trainings measured")).to_be_visible(timeout=120_000)
        expect(page.get_by_text("random ones (more kept than")).to_be_visible(timeout=120_000)
        expect(page.get_by_text("trainings measured")).to_have_count(0, timeout=120_000)
        assert len(record.load(run, AT, runs)) >= 200 and not record.beside(run, AT).exists()

        page.locator(".lens").scroll_into_view_if_needed()
        page.wait_for_timeout(1500)
        seen = page.locator(".lens").evaluate(READ)
        xs = sorted(
            (at["x"] for at, role in zip(seen["at"], seen["role"], strict=True) if role in (0, 3)), reverse=True
        )
        left, top, right, bottom = xs[9] - 0.5, seen["frame"][1] + 4, seen["frame"][2] - 4, seen["frame"][3] - 45
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
            page.mouse.move(x, y, steps=5)
        page.mouse.up()
        page.get_by_role("button", name="Measure these").click()
        wait_for(lambda: any(each.kind == "own" for each in record.load(run, AT, runs)))
        expect(page.get_by_text("Your ", exact=False).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("trainings measured")).to_have_count(0, timeout=60_000)
        at_rest(page)

        rows = table(About.of(run.id, run.config, run.history(), AT), record.load(run, AT, runs))
        picture = dots.picture(rows, AT[0], 10, "likelihood", False, "accuacl")
        (x0, x1), (_, y1), _ = charts.window(picture)
        dot = picture.dots[picture.dots["name"] == "kcenter"].iloc[0]
        canvas = page.locator("[class*=st-key-outcome-plane] canvas").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        pixels = charts.ACROSS / (x1 - x0)
        assert box["width"] == charts.WIDTH
        page.mouse.click(
            box["x"] + charts.LEFT + pixels * (dot["x"] - x0), box["y"] + charts.TOP + pixels * (y1 - dot["y"])
        )
        expect(page.get_by_text("The 10 samples of this dot")).to_be_visible()
        marked = page.locator(".lens").evaluate("root => [...root.lens.selected]")
        assert {int(id_) for id_ in marked} == set(dot["ids"])
        assert page.locator('[data-testid="stException"]').count() == 0
