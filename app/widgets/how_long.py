"""How long runs will take here, said before they begin: measured by `acl estimate` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import streamlit as st

from acl.config import FULL, RunConfig, field_names
from acl.plan import Estimate, in_words, is_long
from acl.plugins.registry import owned
from acl.plugins.unused import unused
from acl.presets import PRESETS, preset_config
from acl.system.device import no_gpu_sentence
from app import words
from app.store.session import POLL_S, slots

HOUR_S = 3600.0
FRESH_S = 600.0  # as long as this "just now" is true enough
# Settings that change no time, beside those that only strategies have.
IDLE = frozenset({"preset", "method", "strategy", "seed", "snapshots", "label_noise"})


@dataclass
class Measurement:
    """`acl estimate --json` under way, or over."""

    key: str
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)
    said: bytes | None = None
    reading: Lock = field(default_factory=Lock)  # tabs ask at the same time, and what is said can be read once

    @property
    def busy(self) -> bool:
        return self.process.poll() is None

    @property
    def estimate(self) -> Estimate | None:
        """To be asked for when it is over; None where it could not be measured."""
        with self.reading:
            self.said = self.process.communicate()[0] if self.said is None else self.said
        return Estimate(**json.loads(self.said)) if self.process.returncode == 0 else None


def without_gpu(configs: Sequence[RunConfig]) -> None:
    """Says so where device=auto becomes the CPU."""
    asked = "auto" if any(config.device == "auto" for config in configs) else ""
    if said := no_gpu_sentence(asked, "this run is" if len(configs) == 1 else "these runs are"):
        st.info(words.plain(said), icon=":material/memory:")


def show(config: RunConfig, stream: Any, n: int = 1) -> None:
    """How long a run of these settings takes (its device decided), and n that are like it, where that may be long."""
    key = _key(config)
    _end_of_another(key)
    if not is_long(config, stream):
        return
    measured = _measurement(key, config)
    if not measured.busy and time.monotonic() - measured.began > FRESH_S:
        _measurement.clear(key, None)
        measured = _measurement(key, config)
    st.session_state["howlong"] = measured
    # Not drawn anew as a whole when it is over: that would close the dialog it may stand in.
    st.fragment(_sentence, run_every=POLL_S if measured.busy else None)(key, config, n, min(_at_once(config), n))


def _at_once(config: RunConfig) -> int:
    """Runs that work at the same time: more than there are processors for would each take longer."""
    processors = max(1, (os.cpu_count() or 1) // config.threads)
    return min(slots(), processors) if config.device == "cpu" else slots()


def _sentence(key: str, config: RunConfig, n: int, at_once: int) -> None:
    measured = _measurement(key, config)  # another one where a tab that shared it has ended it
    if measured.busy:
        st.info("Measuring how long this takes here…", icon=":material/timer:")
        return
    made = measured.estimate
    if made is None:
        st.caption("How long this takes here could not be measured.")
        return
    seconds = made.seconds * n / at_once
    said = f"About {in_words(seconds)} here (measured just now: {made.measured})."
    if n > 1:
        said = (
            f"About {in_words(seconds)} here for these {n:,} runs, {at_once} at once, if they do not slow each other "
            f"down (measured just now, the first of them: {made.measured})."
        )
    (st.warning if seconds > HOUR_S else st.info)(said, icon=":material/timer:")


def _end_of_another(key: str) -> None:
    """This tab shows other settings now: nobody waits for what it measured before."""
    before: Measurement | None = st.session_state.get("howlong")
    if before and before.key != key and before.busy:
        _measurement.clear(before.key, None)


def _key(config: RunConfig) -> str:
    without = IDLE | owned("strategies") | unused(config).keys()
    values = config.model_dump(mode="json", by_alias=True)
    telling = {name: value for name, value in values.items() if name not in without}
    return json.dumps([config.strategy == FULL, telling], sort_keys=True)


def _released(measured: Measurement) -> None:
    """Nobody can ask for it any longer."""
    with measured.reading:
        if measured.said is None:
            measured.process.kill()
            measured.said = measured.process.communicate()[0]


@st.cache_resource(show_spinner=False, on_release=_released)
def _measurement(key: str, _config: RunConfig) -> Measurement:
    """One for all tabs that show these settings, as far as they matter (`key`)."""
    # As nice as a worker: what is measured is what a run would be given.
    command = ["nice", "-n", "5", sys.executable, "-m", "acl", "estimate", "--json", *_options(_config)]
    return Measurement(key, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))


def _options(config: RunConfig) -> Iterator[str]:
    """Those of `acl estimate` that name these settings; what the run does not use may not be named."""
    preset = config.preset or next(iter(PRESETS))
    start = preset_config(preset)
    yield from ("--preset", preset)
    for name, attribute in field_names().items():
        value = getattr(config, attribute)
        if name not in {"preset", "method", *unused(config)} and value != getattr(start, attribute):
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            yield from ("--set", f"{name}={text}")
