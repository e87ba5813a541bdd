"""The form of a new run, made from RunConfig's own fields: a new setting appears here by itself."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import streamlit as st

from acl.config import FULL, RunConfig, UserError, make_config
from acl.presets import PRESETS, preset_config
from acl.registry import Kind, choices, prepare
from acl.runs import resolved, snapshot_bytes
from app import words

MAIN = ("learner", "strategy", "n_end", "memory", "seed")
PLUGINS: dict[str, Kind] = {"dataset": "datasets", "learner": "learners", "strategy": "strategies"}
SHOWN_TASKS = 10
GROUPS = {
    "budget": "Budget",
    "learner": "Memory and replay",
    "strategy": "Query strategy",
    "data": "Data",
    "training": "Training",
    "machine": "Machine",
}


def new_run_form(trouble: Any) -> RunConfig | None:
    """The preset picker, the choices that matter, and the rest; the checked config, or None.

    trouble: the container that takes the reason why it is None.
    """
    preset = st.selectbox(
        "Start from", list(PRESETS), format_func=lambda name: PRESETS[name].label, key="preset", bind="query-params"
    )
    st.caption(PRESETS[preset].summary)
    defaults = preset_config(preset)
    values: dict[str, Any] = {}
    with st.container(key="form-main"):
        values["dataset"] = _widget("dataset", defaults, preset, values)
        left, right = st.columns(2)
        for index, name in enumerate(MAIN):
            with (left, right)[index % 2]:
                values[name] = _widget(name, defaults, preset, values)
    with st.expander("All settings", icon=":material/tune:"):
        _other_settings(defaults, preset, values)
    try:
        config = make_config({**values, "preset": preset})
        with st.spinner("Reading the images …", show_time=True):
            stream = prepare(config)
    except UserError as error:
        trouble.error(words.plain(words.in_titles(str(error))), icon=":material/error:")
        return None
    for note in stream.notes:
        st.warning(words.plain(note), icon=":material/image_not_supported:")
    config = resolved(config, stream)
    _outlook(config, stream)
    return config


def _other_settings(defaults: RunConfig, preset: str, values: dict[str, Any]) -> None:
    for group, title in GROUPS.items():
        names = [
            name
            for name, info in RunConfig.model_fields.items()
            if _group(info.json_schema_extra) == group and name not in MAIN
        ]
        st.markdown(f"**{title}**")
        columns = st.columns(2)
        for index, name in enumerate(names):
            with columns[index % 2]:
                alias = RunConfig.model_fields[name].alias or name
                values[alias] = _widget(name, defaults, preset, values)


def _group(extra: Any) -> str:
    return str(extra.get("group", "")) if isinstance(extra, dict) else ""


def no_effect(name: str, values: dict[str, Any]) -> str | None:
    """Why a setting changes nothing for the chosen strategy and learner; None if it does."""
    strategy, learner = values.get("strategy", ""), values.get("learner", "")
    strategies, learners = choices("strategies"), choices("learners")
    if any(name in found.settings for found in strategies.values()) and name not in strategies[strategy].settings:
        return f"{strategies[strategy].label} does not use this."
    if any(name in found.settings for found in learners.values()) and name not in learners[learner].settings:
        return f"{learners[learner].label} does not use this."
    if strategy == FULL and name in {"n_start", "n_query", "n_end"}:
        return "Every sample is labelled at once."
    return _no_effect_on_data(name, values)


def _no_effect_on_data(name: str, values: dict[str, Any]) -> str | None:
    found, dataset, scenario = choices("datasets"), values.get("dataset", ""), values.get("scenario")
    if any(name in other.settings for other in found.values()) and name not in found[dataset].settings:
        return f"{found[dataset].label} does not use this."
    if scenario == "class" and name in {"domain", "domains"}:
        return "Only where a task brings all classes in a new look."
    if scenario == "domain" and name in {"classes_per_task", "shuffle_classes"}:
        return "Every task has all classes."
    if values.get("domain") == "folders" and name == "domains":
        return "There are as many looks as folders."
    return None


def _widget(name: str, defaults: RunConfig, preset: str, values: dict[str, Any]) -> Any:
    """The input that fits a field's type, with its title, range and explanation."""
    info = RunConfig.model_fields[name]
    alias, default = info.alias or name, getattr(defaults, name)
    reason = no_effect(alias, values) if {"strategy", "learner"} <= values.keys() else None
    help_ = f"{info.description} {reason or ''}".strip()
    common: dict[str, Any] = {"key": f"new-{preset}-{alias}", "help": help_, "disabled": reason is not None}
    title = info.title or name
    if name in PLUGINS:
        found = choices(PLUGINS[name])
        return st.selectbox(
            title, list(found), list(found).index(default), format_func=lambda option: found[option].label, **common
        )
    if name == "lambda_":
        return _lambda(title, common)
    if get_origin(info.annotation) is Literal:
        options = list(get_args(info.annotation))
        return st.selectbox(title, options, options.index(default), format_func=words.option, **common)
    if isinstance(default, bool):
        return st.toggle(title, default, **common)
    if isinstance(default, str | tuple):
        text = default if isinstance(default, str) else ", ".join(map(str, default))
        return st.text_input(title, text, **common)
    return _number(title, name, default, common)


def _number(title: str, name: str, default: float | None, common: dict[str, Any]) -> float | None:
    """A number input without hard limits: what is out of range gets its sentence from the config itself."""
    if default is None or isinstance(default, int):
        return st.number_input(title, value=default, step=1, **common)
    return st.number_input(title, value=float(default), step=None, format="%g", **common)


def _lambda(title: str, common: dict[str, Any]) -> float | None:
    auto = st.toggle(f"{title}: auto", True, **{**common, "key": common["key"] + "-auto"})
    value = st.slider(title, 0.0, 1.0, 0.5, 0.01, **{**common, "disabled": common["disabled"] or auto})
    return None if auto else value


def _outlook(config: RunConfig, stream: Any) -> None:
    """What the run will do, how much it will write, and which classes each task brings."""
    size = snapshot_bytes(config, stream).get(config.snapshots, 0)
    labels = (
        "every sample labelled"
        if config.strategy == FULL
        else f"{config.n_start} first labels, then {config.rounds} query rounds of {config.n_query}"
    )
    tasks = "1 task" if len(stream.tasks) == 1 else f"{len(stream.tasks)} tasks"
    st.caption(f"{tasks} · {labels} · snapshots {size / 1e6:,.1f} MB")
    names = [", ".join(stream.class_names[c] for c in task.classes) for task in stream.tasks[:SHOWN_TASKS]]
    more = "" if len(stream.tasks) <= SHOWN_TASKS else f" · and {len(stream.tasks) - SHOWN_TASKS} more"
    st.caption(" · ".join(f"task {t}: {words.plain(classes[:80])}" for t, classes in enumerate(names, start=1)) + more)
