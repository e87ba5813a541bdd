"""The app in Chromium, as a person would use it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from acl.events import Bought, Scored, Steered
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import read_control, read_status, request
from acl.runs.folder import Run, create, list_runs, resolved
from app.charts.palette import RAMP
from tests.browser import App, at_rest, browser_page, running_app
from tests.tools import facts, history_facts, run_config, state_of, wait_for

pytestmark = pytest.mark.e2e


def pressed_by_a_key(name: str) -> re.Pattern[str]:
    """The name of a button, with the key that presses it if it has one."""
    return re.compile(f"^{name}( Shortcut .+)?$")


PLAY = pressed_by_a_key("Play")


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    with running_app(tmp_path_factory.mktemp("app") / "runs", tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def header(page: Page):
    return page.locator(".st-key-header")


def no_trouble(page: Page) -> None:
    assert page.locator('[data-testid="stException"]').count() == 0
    assert "Traceback" not in page.content()


def start_run(app: App, page: Page) -> Run:
    before = {run.id for run in list_runs(app.runs)}
    page.goto(f"{app.url}/start")
    page.get_by_role("button", name="Start the run").click()
    run = wait_for(lambda: next((r for r in list_runs(app.runs) if r.id not in before), None))
    expect(page).to_have_url(re.compile(f"run={run.id}"))
    return run


@pytest.mark.parametrize(
    "path", ["", "start", "run?run=recorded-er-accuacl-digits-s0", "inspect", "compare", "library"]
)
def test_an_app_that_has_ended_says_so_on_every_open_page(path, tmp_path):
    with browser_page() as page, running_app(tmp_path / "runs", tmp_path) as app:
        page.goto(f"{app.url}/{path}")
        expect(page.get_by_test_id("stAppViewContainer")).to_be_visible()
        at_rest(page)
        app.stop()
        expect(page.get_by_role("dialog")).to_contain_text("The app has ended", timeout=60_000)
        expect(page.get_by_role("dialog")).to_contain_text("make app")
        assert "internet" not in page.get_by_role("dialog").inner_text()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("", "A network forgets, or does it?"), ("start", "Start the run"), ("run", "Start the run"),
        ("library", "Every run in the runs folder"),
    ],
)  # fmt: skip
def test_a_fresh_server_answers_a_deep_link_with_the_whole_navigation(path, shown, tmp_path):
    """Each time another server: its first request decides what it believes its pages are."""
    with running_app(tmp_path / "runs", tmp_path) as fresh, browser_page() as page:
        page.goto(f"{fresh.url}/{path}")
        for name in ("Lesson", "New run", "Run", "Inspect", "Library"):
            expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
        expect(page.get_by_text(shown)).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        no_trouble(page)


def test_watch_pause_step_reload_and_find_it_again(app):
    with browser_page() as page:
        run = start_run(app, page)
        request(run.path, pace=0.6)
        expect(header(page)).to_contain_text("playing")
        expect(page.locator(".st-key-phase")).to_contain_text(re.compile(r"task \d of 5 · "))
        for chart in ("accuracy", "balance", "plane", "map"):
            expect(page.locator(f".st-key-{chart} canvas").first).to_be_visible()
        expect(page.locator(".st-key-gallery")).to_contain_text("class")
        _curves_grow_without_remount(page, run)

        page.get_by_role("button", name="Pause").click()
        expect(header(page)).to_contain_text("paused")
        assert wait_for(lambda: state_of(run.path) == "paused")
        before = read_status(run.path)
        page.get_by_role("button", name="Step task").click()
        wait_for(lambda: read_status(run.path).completed == (before.task, 3, "evaluate"))
        # A step is meant from what the page shows: wait until it shows the pause.
        expect(header(page)).to_contain_text("paused")
        expect(page.locator(".st-key-phase")).to_contain_text(f"task {before.task + 1} of 5 · first labels")
        page.get_by_role("button", name="Step phase").click()
        wait_for(lambda: read_status(run.path).completed == (before.task + 1, 0, "buy"))
        expect(page.locator(".st-key-phase")).to_contain_text("training")

        page.get_by_role("link", name="Library").click()
        expect(page.locator(".st-key-library").first).to_be_visible()
        page.get_by_role("link", name="Run", exact=True).click()
        expect(page).to_have_url(re.compile(f"run={run.id}"))
        expect(header(page)).to_contain_text("paused")
        page.reload()
        expect(header(page)).to_contain_text("paused")
        expect(page.locator(".st-key-accuracy canvas").first).to_be_visible()

        request(run.path, pace=0.0)
        page.get_by_role("button", name="Play").click()
        expect(header(page)).to_contain_text("finished")
        expect(page.get_by_text(re.compile(r"% learned − .* % forgotten = .* % kept"))).to_be_visible()
        no_trouble(page)
    assert history_facts(run) == facts(run_config(run.config))


def _curves_grow_without_remount(page: Page, run: Run) -> None:
    """The canvas that is there now is the canvas that is there later, and what it shows has changed."""
    canvas = page.locator(".st-key-accuracy canvas").first
    canvas.evaluate("node => { node.dataset.mark = 'mine' }")
    first = canvas.screenshot()
    rows = len(run.history().rows)
    wait_for(lambda: len(run.history().rows) > rows + 100)
    time.sleep(1.0)
    assert canvas.evaluate("node => node.dataset.mark") == "mine" and canvas.evaluate("node => node.isConnected")
    assert canvas.screenshot() != first


def test_the_library_lists_opens_resumes_and_deletes(app):
    config = preset_config("digits-demo", seed=7)
    run = create(resolved(config, prepare(config)), app.runs)
    with browser_page() as page:
        page.goto(f"{app.url}/library?q={run.id}")
        table = page.locator(".st-key-library")
        expect(table).to_be_visible()
        expect(page.get_by_text("Click the box at the left")).to_be_visible()
        _choose_first_row(page)
        page.get_by_role("button", name="Resume").click()
        wait_for(lambda: state_of(run.path) == "finished")
        page.get_by_role("button", name="Open run").click()
        expect(page).to_have_url(re.compile(f"run={run.id}"))
        expect(header(page)).to_contain_text("seed 7")
        page.goto(f"{app.url}/library?q={run.id}")
        expect(table).to_be_visible()
        _choose_first_row(page)
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog")).to_contain_text(run.id)
        page.get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert run.path.exists()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete for good").click()
        wait_for(lambda: not run.path.exists())
        expect(page.get_by_text("No run matches")).to_be_visible()
        no_trouble(page)


def _choose_first_row(page: Page) -> None:
    """Tables are drawn on a canvas: the box is where the first row's box is."""
    frame = page.locator(".st-key-library canvas").first.bounding_box()
    assert frame
    page.mouse.click(frame["x"] + 16, frame["y"] + 52)
    expect(page.get_by_role("button", name="Open run")).to_be_visible()


def test_a_run_goes_on_when_the_app_is_restarted(app):
    with browser_page() as page:
        run = start_run(app, page)
        expect(header(page)).to_contain_text("playing")
        app.stop()
        rows = len(run.history().rows)
        wait_for(lambda: len(run.history().rows) > rows + 100)
        app.start()
        expect(header(page)).to_contain_text("playing")
        request(run.path, pace=0.0)
        expect(header(page)).to_contain_text("finished")
        no_trouble(page)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("run=nobody-knows-it", "There is no run"),
        ("run=../../etc/passwd", "is not the name of a run"),
        ("run=%3Cscript%3E", "is not the name of a run"),
    ],
)
def test_a_bad_link_is_a_sentence_with_a_way_on(app, query, expected):
    with browser_page() as page:
        page.goto(f"{app.url}/run?{query}")
        expect(page.get_by_role("alert")).to_contain_text(expected)
        page.get_by_role("button", name="Start a new run").click()
        expect(page.get_by_role("button", name="Start the run")).to_be_visible()
        no_trouble(page)


def test_a_recorded_run_shows_everything_and_cannot_be_played(app):
    with browser_page(width=1024, dark=True) as page:
        page.goto(f"{app.url}/run?run=recorded-er-accuacl-digits-s0")
        expect(header(page)).to_contain_text("recorded")
        expect(page.get_by_role("button", name="Stop")).to_have_count(0)
        expect(page.locator(".st-key-gallery")).to_contain_text("class")
        for tab, shown in (
            ("Loss", ".st-key-loss canvas"),
            ("What happened", '[data-testid="stDataFrame"]'),
            ("Settings", '[data-testid="stDataFrame"]'),
            ("Matrix R", ".st-key-matrix canvas"),
        ):
            page.get_by_role("radio", name=tab).click()
            expect(page.locator(shown).first).to_be_visible()
        no_trouble(page)


def test_a_form_that_does_not_fit_says_why_and_starts_nothing(app):
    before = len(list_runs(app.runs))
    with browser_page() as page:
        page.goto(f"{app.url}/start")
        budget = page.get_by_role("spinbutton", name="Label budget per task")
        budget.fill("9999")
        budget.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("“Label budget per task” must be at most 248")
        expect(page.get_by_role("button", name="Start the run")).to_be_disabled()
        no_trouble(page)
    assert len(list_runs(app.runs)) == before


def test_damaged_runs_are_listed_with_what_is_wrong(tmp_path: Path):
    runs = tmp_path / "runs"
    config = preset_config("digits-demo")
    run = create(config, runs)
    (run.path / "config.json").write_text("{")
    with running_app(runs, tmp_path) as app, browser_page() as page:
        page.goto(f"{app.url}/library?q={run.id}")
        _choose_first_row(page)
        expect(page.get_by_role("alert")).to_contain_text("cannot be read")
        page.goto(f"{app.url}/run?run={run.id}")
        expect(page.get_by_role("alert")).to_contain_text("cannot be read")
        no_trouble(page)


def held_run(app: App, until: tuple[int, int, str]) -> Run:
    """A run of the embedded default that pauses there."""
    config = preset_config("digits-demo")
    run = create(resolved(config, prepare(config)), app.runs)
    request(run.path, mode="play", until=until)
    return run


def test_a_run_is_steered_while_it_plays_and_a_ghost_shows_what_would_have_happened(app):
    run = held_run(app, (1, 2, "evaluate"))
    with browser_page() as page:
        page.goto(f"{app.url}/run?run={run.id}")
        expect(header(page)).to_contain_text("paused")
        page.get_by_role("button", name="Change").click()
        page.get_by_role("combobox", name="Query strategy").first.click()
        page.get_by_role("option", name="Uniform").click()
        page.get_by_role("button", name="Change: strategy Uniform").click()
        expect(header(page)).to_contain_text("from the next query on: strategy Uniform")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Step query round").click()
        page.get_by_role("button", name="What would have happened?").click()
        expect(page.get_by_text("Dashed: without this change.")).to_be_visible()
        page.get_by_role("button", name=PLAY).click()
        expect(header(page)).to_contain_text("finished")
        no_trouble(page)
        ghost = next(r for r in list_runs(app.runs) if r.parent and r.parent.run == run.id)
        wait_for(lambda: state_of(ghost.path) == "finished")
    config = preset_config("digits-demo")
    assert history_facts(ghost) == facts(run_config(resolved(config, prepare(config))))
    (steered,) = run.history().of(Steered)
    assert (steered.task, steered.round, steered.changes) == (1, 3, {"strategy": "uniform"})


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1024, True)])
def test_a_human_swaps_and_labels_then_rewinds_and_plays_on_from_there(app, width, dark):
    run = held_run(app, (2, 1, "score"))
    with browser_page(width=width, dark=dark) as page:
        page.goto(f"{app.url}/run?run={run.id}")
        page.get_by_role("button", name="Choose or label by hand").click()
        cards = page.locator(".hands .card")
        expect(cards).to_have_count(run_pool(run))
        picks = [cards.nth(i).get_attribute("data-id") for i in range(22)]
        cards.nth(0).click()
        cards.nth(1).click()
        # A frame over three of the strangers; two of them find room.
        first, last = cards.nth(20).bounding_box(), cards.nth(22).bounding_box()
        page.mouse.move(first["x"] + 8, first["y"] + 4)
        page.mouse.down()
        page.mouse.move(last["x"] + 20, last["y"] + 30, steps=6)
        page.mouse.up()
        expect(page.locator(".hands .said")).to_contain_text("no room for more")
        cards.nth(3).hover()
        page.keyboard.press("2")
        expect(page.locator(".hands .said")).to_have_text(
            "10 of 10 chosen · 2 of the strategy's picks replaced · 1 labelled by hand"
        )
        page.get_by_role("button", name="Buy these 10").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Step task").click()
        wait_for(lambda: (s := read_status(run.path)) and s.completed == (2, 3, "evaluate"))
        page.get_by_role("button", name="Rewind").click()
        slider = page.get_by_role("slider").last
        slider.focus()
        slider.press("Home")
        expect(page.locator(".st-key-rewound")).to_contain_text("As it was after the beginning")
        page.get_by_role("button", name="Back to now").first.click()
        expect(page.locator(".st-key-rewound")).to_have_count(0)
        page.get_by_role("button", name="Fork", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Fork and play").click()
        expect(header(page)).to_contain_text("fork of")
        no_trouble(page)
    bought = next(e for e in run.history().of(Bought) if e.by == "human")
    assert [str(i) for i in bought.ids] == [*picks[2:10], *picks[20:22]] and [str(i) for i in bought.by_hand] == [
        picks[3]
    ]
    assert [str(i) for i in bought.replaced] == picks[:2]


def test_of_two_tabs_with_opposite_commands_the_last_wins_and_both_show_it(app):
    run = held_run(app, (1, 1, "evaluate"))
    with browser_page() as page:
        tabs = page, page.context.new_page()
        for tab in tabs:
            tab.goto(f"{app.url}/run?run={run.id}")
            wait_for(lambda: state_of(run.path) == "paused", 120)
            expect(header(tab)).to_contain_text("paused")
        request(run.path, pace=2.0)
        for wishes, said in ((("Play", "Pause"), "paused"), (("Step task", "Play"), "playing")):
            for tab, wish in zip(tabs, wishes, strict=True):
                seq = read_control(run.path).seq
                tab.get_by_role("button", name=pressed_by_a_key(wish)).click()
                wait_for(lambda seq=seq: read_control(run.path).seq > seq)
            control = read_control(run.path)
            assert control.until is None and control.pace == 2.0
            for tab in tabs:
                expect(header(tab)).to_contain_text(said)
        request(run.path, mode="stop")
        no_trouble(page)


def run_pool(run: Run) -> int:
    return wait_for(lambda: run.history().of(Scored) and run.history().of(Scored)[-1].pool)


COUNT = """(node, [red, green, blue]) => {
    const data = node.getContext('2d').getImageData(0, 0, node.width, node.height).data;
    let n = 0;
    for (let i = 0; i < data.length; i += 4)
        n += Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) + Math.abs(data[i + 2] - blue) < 24;
    return n;
}"""


def test_a_recording_plays_and_rewinds_and_no_line_leaves_its_label_behind(app):
    """ECharts keeps the label of a line that lost all its points: then letters in task 5's colour would remain."""
    newest = [int(RAMP[-1][i : i + 2], 16) for i in (1, 3, 5)]
    with browser_page() as page:
        page.goto(f"{app.url}/run?run=recorded-er-accuacl-digits-s0")
        canvas = page.locator(".st-key-accuracy canvas").first
        expect(canvas).to_be_visible()
        wait_for(lambda: canvas.evaluate(COUNT, newest) > 50)
        page.get_by_role("button", name="Rewind").click()
        slider = page.get_by_role("slider").last
        slider.focus()
        for _ in range(55):
            slider.press("ArrowLeft")
        expect(page.locator(".st-key-rewound")).to_contain_text("As it was after task 2, round 3: labelled")
        at_rest(page)
        wait_for(lambda: canvas.evaluate(COUNT, newest) == 0)
        page.get_by_role("button", name=PLAY).click()
        expect(page.locator(".st-key-rewound")).to_contain_text("As it was after task 3")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name=PLAY)).to_be_visible()
        no_trouble(page)
