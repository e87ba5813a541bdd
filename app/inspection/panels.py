"""Below the gallery of the Inspect page: the target, every strategy on this pool, the λ ribbon, everything bought."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
import torch

from acl.analysis import comparison
from acl.analysis.what_if import Ranges, Settings, ranges
from acl.config import FULL, RunConfig
from acl.events import Bought, History
from acl.plugins.registry import choices
from acl.selection.fisher import mean_embedding
from app import words
from app.charts import inspection as figures
from app.charts import palette
from app.inspection.samples import Choice
from app.inspection.source import Sight, microscope
from app.store import runs as data
from app.widgets.gallery import Card, cards_html, picture_url

TABS = ("Target", "Every strategy on this pool", "λ ribbon", "Everything bought")
SAVES = ("SVG", "PNG")
RIBBON_STEPS = 101
RIBBON_STEPS_LARGE = 21
LARGE_ENTRIES = 1_000_000
WALL_CARDS = 24
STRIP_CARDS = 20


def tabs(sight: Sight, choice: Choice, settings: Settings, history: History | None) -> None:
    """Only the chosen one is worked out."""
    shown = TABS if history else TABS[:-1]
    with st.container(horizontal=True, vertical_alignment="center", key="panels"):
        tab = st.segmented_control(
            "Panel", shown, default=TABS[0], required=True, key="panel", label_visibility="collapsed"
        )
        st.space("stretch")
        st.segmented_control(
            "The camera saves", SAVES, default=SAVES[0], required=True, key="camera", label_visibility="collapsed",
            help="What the camera at the corner of each figure below saves.",
        )  # fmt: skip
    if tab == TABS[0]:
        _target(sight, choice, settings)
    elif tab == TABS[1]:
        _every_strategy(sight, settings)
    elif tab == TABS[2]:
        _ribbon(sight, settings)
    elif history:
        _wall(sight, history)


def draw(figure: figures.go.Figure, key: str) -> None:
    """With only the camera, which takes the figure as it stands."""
    saves = {"format": st.session_state.get("camera", SAVES[0]).lower(), "filename": key, "scale": 2}
    config = {"displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": saves}
    st.plotly_chart(figure, key=key, config=config)


def target_figure(sight: Sight, choice: Choice, settings: Settings) -> figures.go.Figure:
    context = sight.context
    target = microscope(*sight.mark).information.target(settings.lambda_)
    kept = np.zeros(target.total.shape, dtype=bool)
    kept[choice.ranking.kept.rows.numpy(), choice.ranking.kept.dims.numpy()] = True
    picks = context.pool.take(torch.isin(context.pool.ids, torch.tensor(choice.picked)))
    names = [sight.class_name(c) for c in context.classes]
    return figures.target_map(target.past.numpy(), target.new.numpy(), kept, names, mean_embedding(picks).numpy())


def _target(sight: Sight, choice: Choice, settings: Settings) -> None:
    st.caption(words.HELP["target"])
    draw(target_figure(sight, choice, settings), "target")


# -- every strategy ------------------------------------------------------------------------------------


@st.cache_data(max_entries=16, show_spinner=False)
def judged(
    path: str, changed_ns: int, lambda_: float, n: int, dims_per_class: int, config_json: str, names: tuple[str, ...]
) -> dict[str, comparison.Judged | str]:
    context = replace(microscope(path, changed_ns).context, n=n, lambda_=lambda_)
    config = RunConfig.from_json(config_json).changed(dims_per_class=dims_per_class)
    return comparison.strategies_here(context, config, names)


@st.cache_data(max_entries=16, show_spinner=False)
def yardsticks(path: str, changed_ns: int, lambda_: float, n: int, dims_per_class: int) -> tuple[np.ndarray, float]:
    """J of 200 random subsets, and J of the greedy one."""
    context = replace(microscope(path, changed_ns).context, n=n, lambda_=lambda_)
    return comparison.yardsticks(context, dims_per_class)


def _judged_here(sight: Sight, settings: Settings) -> tuple[dict[str, comparison.Judged | str], np.ndarray, float]:
    """Every strategy's picks, judged (those that take minutes only if asked for), J of random subsets, greedy J."""
    names = [name for name in choices("strategies") if name != FULL]
    if not st.session_state.get("slow-strategies"):
        names = [name for name in names if not comparison.is_slow(name, sight.context, sight.config)]
    config = sight.config.changed(oversample=settings.oversample).to_json()
    asked = (*sight.mark, settings.lambda_, settings.n, settings.dims_per_class)
    return judged(*asked, config, tuple(names)), *yardsticks(*asked)


def _every_strategy(sight: Sight, settings: Settings) -> None:
    st.caption(
        f"What each strategy would pick here: the same {len(sight.context.pool):,} samples, {settings.n} picks. "
        + words.HELP["J"]
    )
    asked = (sight.context, sight.config)
    slow = [name for name in choices("strategies") if name != FULL and comparison.is_slow(name, *asked)]
    if slow:
        labels = ", ".join(words.plain(words.strategy(name)) for name in slow)
        took = words.duration(sum(comparison.seconds(name, *asked) for name in slow))
        st.toggle(f"Also {labels}: about {took} on a pool of this size, and the page waits", key="slow-strategies")
    with st.spinner("Asking every strategy…", show_time=True):
        found, band, greedy = _judged_here(sight, settings)
    for name, value in found.items():
        if isinstance(value, str):
            st.caption(f"{words.plain(words.strategy(name))} could not be asked: {words.plain(value)}")
    fine = _fine(found)
    for sentence in verdicts(fine, band):
        st.markdown(sentence)
    _strips(sight, fine)
    draw(objective_figure(fine, band, greedy), "objective")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Picks in common**", help=words.HELP["overlap"])
        draw(overlap_figure(fine), "overlap")
    with right:
        figure, known = balance_figure(sight, fine)
        note = "True classes, which no strategy sees." if known else "Predicted classes: the true ones are not known."
        st.markdown("**Classes of the picks**", help=note)
        draw(figure, "balance-here")
    st.dataframe(_figures_table(fine, band), hide_index=True, column_config=_columns())


def _strips(sight: Sight, found: dict[str, comparison.Judged]) -> None:
    """A row for each strategy: what it would pick, best first, framed in the colour of its class."""
    colours, ids, (classes, _) = palette.class_colours(sight.tasks), sight.context.pool.ids, _classes(sight)
    for name, here in found.items():
        places = here.picks[:STRIP_CARDS]
        picks, labels = ids[places].tolist(), classes[places.numpy()].tolist()
        made = [
            Card("", (), colours.get(label, palette.OTHER), f"sample {i}: {sight.class_name(label)}")
            for i, label in zip(picks, labels, strict=True)
        ]
        more = f"  \nthe first {len(picks)}" if len(picks) < len(here.picks) else ""
        left, right = st.columns([1, 7], vertical_alignment="center")
        left.markdown(f"**{words.plain(words.strategy(name))}**{more}")
        right.html(cards_html(sight.pictures(picks), made, size=30))


def _classes(sight: Sight) -> tuple[np.ndarray, bool]:
    """The class of each pool sample, and whether it is the true one (else the predicted one)."""
    context = sight.context
    truth = sight.truth(context.pool.ids.tolist())
    return (np.asarray(context.classes)[context.pool.p.argmax(1).numpy()], False) if truth is None else (truth, True)


def strategies_figures(sight: Sight, settings: Settings) -> dict[str, Callable[[], figures.go.Figure]]:
    """The figures of this panel by name, worked out when they are called for."""

    def here() -> dict[str, comparison.Judged]:
        return _fine(_judged_here(sight, settings)[0])

    return {
        "Trace objective": lambda: objective_figure(here(), *_judged_here(sight, settings)[1:]),
        "Picks in common": lambda: overlap_figure(here()),
        "Classes of the picks": lambda: balance_figure(sight, here())[0],
    }


def _fine(found: dict[str, comparison.Judged | str]) -> dict[str, comparison.Judged]:
    return {name: value for name, value in found.items() if isinstance(value, comparison.Judged)}


def verdicts(found: dict[str, comparison.Judged], band: np.ndarray) -> list[str]:
    """What the objective says in words, above all where the method's own picks do badly by it."""
    hero = found.get("accuacl")
    if hero is None:
        return []
    worse = int((band < hero.objective.total).sum())
    share = f"{worse} of {len(band)} random subsets"
    if 2 * worse > len(band):
        return [
            f":material/warning: Here AccuACL is worse than random by its own measure: {share} of the same size cover "
            f"the target better (J = {hero.objective.total:,.0f}, their median {np.median(band):,.0f})."
        ]
    return [f"{share} cover the target better than AccuACL's picks (J = {hero.objective.total:,.0f})."]


def objective_figure(found: dict[str, comparison.Judged], band: np.ndarray, greedy: float) -> figures.go.Figure:
    rows = [(n, words.strategy(n), j.objective.past, j.objective.new) for n, j in found.items()]
    return figures.objective_bars(pd.DataFrame(rows, columns=["name", "label", "past", "new"]), band, greedy)


def overlap_figure(found: dict[str, comparison.Judged]) -> figures.go.Figure:
    matrix = np.array([[comparison.jaccard(a.picks, b.picks) for b in found.values()] for a in found.values()])
    return figures.overlap([words.strategy(name) for name in found], matrix)


def balance_figure(sight: Sight, found: dict[str, comparison.Judged]) -> tuple[figures.go.Figure, bool]:
    """Counts of the picks' classes for each strategy, and whether these are the true classes."""
    labels, known = _classes(sight)
    rows = [
        {"label": words.strategy(name), "class": label, "count": int((labels[j.picks.numpy()] == label).sum())}
        for name, j in found.items()
        for label in sorted(set(labels.tolist()))
    ]
    colours = palette.class_colours(sight.tasks)
    names = {label: sight.class_name(label) for label in set(labels.tolist())}
    return figures.class_balance(pd.DataFrame(rows), names, colours), known


def _figures_table(found: dict[str, comparison.Judged], band: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "strategy": [words.strategy(name) for name in found],
            "J": [j.objective.total for j in found.values()],
            "past": [j.objective.past for j in found.values()],
            "new": [j.objective.new for j in found.values()],
            "random": [int((band < j.objective.total).sum()) for j in found.values()],
            "redundancy": [j.nearest_pick for j in found.values()],
            "memory": [j.nearest_memory for j in found.values()],
        }
    )


def _columns() -> dict[str, object]:
    number = st.column_config.NumberColumn
    return {
        "strategy": "Strategy",
        "J": number("J ↓ better", format="%.0f", help=words.HELP["J"]),
        "past": number("past term", format="%.0f", help="The part of J that the memory asks for (λ)."),
        "new": number("new term", format="%.0f", help="The part of J that the pool asks for (1 − λ)."),
        "random": number("random subsets that do better, of 200", format="%d"),
        "redundancy": number("distance to the nearest pick", format="%.3g", help=words.HELP["redundancy"]),
        "memory": number("distance to memory", format="%.3g", help=words.HELP["nearest_memory"]),
    }


# -- λ ribbon ------------------------------------------------------------------------------------------


def steps(sight: Sight, settings: Settings) -> int:
    """Values of λ the ribbon tries: fewer where each takes long."""
    entries = len(sight.context.pool) * settings.dims_per_class * sight.context.n_classes
    return RIBBON_STEPS if entries <= LARGE_ENTRIES else RIBBON_STEPS_LARGE


@st.cache_data(max_entries=8, show_spinner="Asking AccuACL at every λ…")
def ribbon(
    path: str, changed_ns: int, n: int, dims_per_class: int, oversample: float, count: int
) -> tuple[list[float], np.ndarray]:
    """λ from 0 to 1 in equal steps, and who is picked at each: bool [λ, pool]."""
    lambdas = [step / (count - 1) for step in range(count)]
    return lambdas, microscope(path, changed_ns).ribbon(Settings(0.0, n, dims_per_class, oversample), lambdas).numpy()


def ribbon_here(sight: Sight, settings: Settings) -> tuple[list[float], np.ndarray]:
    return ribbon(*sight.mark, settings.n, settings.dims_per_class, settings.oversample, steps(sight, settings))


@st.cache_data(max_entries=64, show_spinner=False)
def picked_between(
    path: str, changed_ns: int, position: int, n: int, dims_per_class: int, oversample: float, count: int
) -> Ranges:
    """The λ between which AccuACL picks the sample at this position of the pool."""
    scope = microscope(path, changed_ns)
    lambdas, picked = ribbon(path, changed_ns, n, dims_per_class, oversample, count)
    return ranges(
        picked[:, position].tolist(), lambdas,
        lambda value: position in scope.rank(Settings(value, n, dims_per_class, oversample)).picked,
    )  # fmt: skip


def picked_between_here(sight: Sight, settings: Settings, position: int) -> Ranges:
    if not len(sight.context.memory):
        return ()
    rest = (settings.n, settings.dims_per_class, settings.oversample, steps(sight, settings))
    return picked_between(*sight.mark, position, *rest)


def ribbon_figure(sight: Sight, settings: Settings) -> figures.go.Figure:
    lambdas, picked = ribbon_here(sight, settings)
    names = [f"sample {i}" for i in sight.context.pool.ids.tolist()]

    def pictures(places: list[int]) -> list[str]:
        images = sight.pictures([int(sight.context.pool.ids[place]) for place in places])
        return [] if images is None else [picture_url(image) for image in images]

    return figures.ribbon(np.array(lambdas), picked, names, sight.recorded.lambda_, settings.lambda_, pictures)


def _ribbon(sight: Sight, settings: Settings) -> None:
    if not len(sight.context.memory):
        st.caption("The memory is empty in the first task: λ counts as 0 and changes nothing. See a later task.")
        return
    st.caption(f"Who AccuACL picks for each λ, tried at {steps(sight, settings)} values from 0 to 1. {words.HELP['λ']}")
    draw(ribbon_figure(sight, settings), "ribbon")


# -- everything bought ---------------------------------------------------------------------------------


def _wall(sight: Sight, history: History) -> None:
    """A row for each task, a cell for each round."""
    st.caption("Everything the run has bought so far: a row for each task, a column for each round.")
    colours = palette.class_colours(sight.tasks)
    events = history.of(Bought)
    for task in sorted({event.task for event in events}):
        rounds = [event for event in events if event.task == task]
        st.markdown(f"**Task {task}**")
        grid = st.grid(len(rounds), min_column_width=230, gap="xsmall")
        for event in rounds:
            with grid.cell():
                _bought(sight, event, colours)


def _bought(sight: Sight, event: Bought, colours: dict[int, str]) -> None:
    by = "at random" if event.by == "start" else words.plain(words.strategy(event.by))
    st.caption(f"{f'round {event.round}' if event.round else 'first labels'} · {len(event.ids):,} {by}")
    ids = event.ids[:WALL_CARDS]
    made = [
        Card("", (), colours.get(label, palette.OTHER), f"sample {i}: {sight.class_name(label)}")
        for i, label in zip(ids, event.labels, strict=False)
    ]
    assert sight.run
    st.html(cards_html(data.pictures(sight.run, ids), made, size=30))
    if len(event.ids) > len(ids):
        st.caption(f"and {len(event.ids) - len(ids):,} more")
