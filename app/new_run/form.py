"""The form of a new run, made from RunConfig's own fields: a new setting appears here by itself.

What the other choices leave without a use is disabled, says why, and is not sent.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, get_args, get_origin

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.config import FULL, RunConfig, UserError, field_names, make_config
from acl.plugins.registry import choices, prepare
from acl.plugins.unused import KINDS, unused
from acl.presets import PRESETS, preset_config
from acl.runs.folder import resolved, snapshot_bytes
from acl.stream.types import TaskStream
from app import errors, words
from app.widgets import how_long as howlong

MAIN = ("learner", "strategy", "n_end", "memory", "seed")
SHOWN_TASKS = 10
GROUPS = {
    "budget": "Budget",
    "learner": "Memory and replay",
    "strategy": "Query strategy",
    "data": "Data",
    "training": "Training",
    "machine": "Machine",
}


def new_run_form(trouble: DeltaGenerator) -> RunConfig | None:
    """The preset picker, the choices that matter, and the rest; the checked config, or None.

    trouble: the container that takes the reason why it is None, and what to know before it starts.
    """
    preset = st.selectbox(
        "Start from", list(PRESETS), format_func=lambda name: PRESETS[name].label, key="preset", bind="query-params"
    )
    st.caption(PRESETS[preset].summary)
    form = _Form(preset)
    with st.container(key="form-main"):
        form.draw("dataset")
        left, right = st.columns(2)
        for index, name in enumerate(MAIN):
            with (left, right)[index % 2]:
                form.draw(name)
    with st.expander("All settings", icon=":material/tune:"):
        _other_settings(form)
    try:
        config = make_config({**form.values, "preset": preset})
        with st.spinner("Reading the images …", show_time=True):
            stream = prepare(config)
    except UserError as error:
        errors.show(words.in_titles(str(error)), errors.details_of(error), trouble)
        return None
    for note in stream.notes:
        st.warning(words.plain(note), icon=":material/info:")
    asked, config = config, resolved(config, stream)
    _outlook(config, stream)
    with trouble:
        howlong.without_gpu([asked])
        howlong.show(config, stream)
    return config


def _other_settings(form: _Form) -> None:
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
                form.draw(name)


def _group(extra: Any) -> str:
    return str(extra.get("group", "")) if isinstance(extra, dict) else ""


class _Common(TypedDict):
    """What every widget is given."""

    key: str
    help: str | None
    disabled: bool


class _Form:
    """The widgets of one preset; `values`: what those say that have a use, by the names users write."""

    def __init__(self, preset: str) -> None:
        self.preset, self.defaults = preset, preset_config(preset)
        self.values: dict[str, Any] = {}
        self._unused = unused(self._standing())

    def _standing(self) -> RunConfig:
        """The settings as all widgets stand, those further down too; unchecked, but enough to say which have a use."""
        states = {name: st.session_state.get(self._key(alias)) for alias, name in field_names().items()}
        return self.defaults.model_copy(update={name: value for name, value in states.items() if value is not None})

    def _key(self, alias: str) -> str:
        return f"new-{self.preset}-{alias}"

    def draw(self, name: str) -> None:
        """The widget of a RunConfig attribute."""
        info = RunConfig.model_fields[name]
        alias = info.alias or name
        why = self._unused.get(alias)
        help_ = words.of_menu(name, choices(KINDS[name])) if name in KINDS else info.description
        help_ = f"{help_} {words.why(why)}" if why else help_
        common: _Common = {"key": self._key(alias), "help": help_, "disabled": why is not None}
        value = _widget(name, getattr(self.defaults, name), common)
        if name in KINDS:
            st.caption(words.does(KINDS[name], value))
        if why is None:
            self.values[alias] = value


def _widget(name: str, default: Any, common: _Common) -> Any:
    """The input that fits a field's type, with its title, range and explanation."""
    info = RunConfig.model_fields[name]
    title = info.title or name
    if name in KINDS:
        found = choices(KINDS[name])
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
    if isinstance(default, str) or _is_list(info.annotation):
        text = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
        return st.text_input(title, text, **common)
    return _number(title, name, default, common)


def _is_list(annotation: Any) -> bool:
    """Whether several values can be written, as in 50, 10."""
    return any(get_origin(one) is tuple for one in (annotation, *get_args(annotation)))


def _number(title: str, name: str, default: float | None, common: _Common) -> float | None:
    """A number input without hard limits: what is out of range gets its sentence from the config itself."""
    if default is None or isinstance(default, int):
        return st.number_input(title, value=default, step=1, **common)
    return st.number_input(title, value=float(default), step=None, format="%g", **common)


def _lambda(title: str, common: _Common) -> float | None:
    of_auto: _Common = {**common, "key": common["key"] + "-auto"}
    auto = st.toggle(f"{title}: auto", True, **of_auto)
    of_value: _Common = {**common, "disabled": common["disabled"] or auto}
    value = st.slider(title, 0.0, 1.0, 0.5, 0.01, **of_value)
    return None if auto else value


def _outlook(config: RunConfig, stream: TaskStream) -> None:
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
