"""The sentences of the app: what runs are called, what they are doing, what happened, what a term means."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, assert_never

from acl.config import RunConfig
from acl.events import (
    Bought,
    Epoch,
    Evaluated,
    Event,
    Finished,
    History,
    Remembered,
    Resumed,
    Scored,
    Started,
    Steered,
    TaskStarted,
    Trained,
)
from acl.names import printable
from acl.plugins.description import Kind
from acl.plugins.registry import choices
from acl.plugins.unused import KINDS
from acl.runs.control import ACTIVE, Control, Status
from acl.runs.folder import Parent, Run
from app.charts.score_plane import axis
from app.charts.written import percent, whole_percent
from app.glossary import TERMS
from app.store.runs import interventions_of, label_of, parent_of

InRound = Steered | Scored | Bought | Trained | Evaluated

HELP = {key: term.says for key, term in TERMS.items()}
Colour = Literal["gray", "green", "orange", "blue", "red"]
STATE: dict[str, tuple[str, str, Colour]] = {
    "queued": ("waiting for a free slot", "hourglass_empty", "gray"),
    "starting": ("starting", "hourglass_top", "gray"),
    "playing": ("playing", "play_circle", "green"),
    "paused": ("paused", "pause_circle", "orange"),
    "finished": ("finished", "check_circle", "blue"),
    "stopped": ("stopped", "stop_circle", "gray"),
    "failed": ("failed", "error", "red"),
}


def run_title(config: RunConfig) -> str:
    parts = [
        label_of("learners", config.learner),
        label_of("strategies", config.strategy),
        label_of("datasets", config.dataset),
        f"seed {config.seed}",
    ]
    return " · ".join(parts)


MOST_CHANGES = 2
OF_A_RUN = re.compile(r"\d{8}-\d{6}-.*-([0-9a-f]{4})")


def title(run: Run) -> str:
    """What a run is called in titles, menus and lists: its settings, and what was done to it since. UserError where
    its settings cannot be read."""
    return " · ".join([run_title(run.config), *happened(parent_of(run), interventions_of(run))])


def happened(parent: Parent | None, done: Sequence[Steered | Bought]) -> list[str]:
    """What makes a run another than its settings say: that it is a fork, and what a human did to it."""
    said = [f"{'ghost' if parent.ghost else 'fork'} of {short_id(parent.run)} from {parent.task}.{parent.round}"
            ] if parent else []  # fmt: skip
    changed = [f"{changes(e.changes)} from {since(e.task, e.round)}" for e in done if isinstance(e, Steered)]
    said += changed if len(changed) <= MOST_CHANGES else [f"{len(changed)} changes of settings"]
    hand = by_hand([event for event in done if isinstance(event, Bought)])
    return [*said, hand] if hand else said


def by_hand(chosen: Sequence[Bought]) -> str:
    """E.g. "2 picks and 3 labels by hand"; empty where there are none."""
    picks, labels = sum(len(event.replaced) for event in chosen), sum(len(event.by_hand) for event in chosen)
    counts = [f"{n} {what}{'s' if n > 1 else ''}" for n, what in ((picks, "pick"), (labels, "label")) if n]
    return f"{' and '.join(counts)} by hand" if counts else "chosen by hand" if chosen else ""


def since(task: int, round_: int) -> str:
    return f"task {task}, round {round_}" if round_ > 1 else f"task {task}"


def short_id(run: str) -> str:
    """The end of a run's id, which tells it from others of its settings; names given by people stay whole."""
    found = OF_A_RUN.fullmatch(run)
    return found[1] if found else run


def when(id_: str) -> str:
    """When a run or a sweep was made, out of its id: "11-26 23:46"; "" where people gave the name."""
    found = re.match(r"\d{4}(\d\d)(\d\d)-(\d\d)(\d\d)\d\d-", id_)
    return "{}-{} {}:{}".format(*found.groups()) if found else ""


def phase(config: RunConfig, status: Status, n_tasks: int) -> str:
    """What the run is doing, e.g. "task 3 of 5 · query round 2 of 3 · choosing 10 of 231"."""
    if not status.task:
        return "getting ready"
    where = f"task {status.task} of {n_tasks}" if n_tasks else f"task {status.task}"
    round_ = f"query round {status.round} of {status.rounds or config.rounds}" if status.round else "first labels"
    doing = {
        "score": f"choosing {status.n} of {status.pool:,}",
        "buy": f"labelling {status.n}",
        "train": f"training, epoch {status.epoch} of {status.epochs}",
        "evaluate": "testing on every task so far",
    }
    return " · ".join([where, round_, doing.get(status.phase, status.phase)])


def pace_of_work(status: Status) -> str:
    """Time left, throughput and device, as far as they are known."""
    parts = []
    if status.eta_s is not None and status.state == "playing":
        parts.append(f"{duration(status.eta_s)} left")
    if status.images_per_s:
        parts.append(f"{status.images_per_s:,.0f} img/s")
    if status.device:
        parts.append(device(status))
    return " · ".join(parts)


def device(status: Status) -> str:
    """Where the run works, what it takes of the memory there, and how busy that is as long as it works, e.g.
    "GPU H100 · 3.1 of 79 GiB · 92 % busy"."""
    parts = [_short_device(status.device_name) or option(status.device)]
    if status.memory_used and status.state in ACTIVE:
        used = f"{status.memory_used / 2**30:.1f}"
        # Of a machine's memory other programs hold the larger part, of a card's the runs do.
        parts.append(f"{used} of {status.memory_total / 2**30:.0f} GiB" if status.device == "cuda" else f"{used} GiB")
    if status.busy is not None and status.state == "playing":
        parts.append(f"{whole_percent(status.busy)} busy")
    return " · ".join(parts)


def _short_device(name: str) -> str:
    """ "NVIDIA H100 80GB HBM3" is "GPU H100": without maker, memory and socket."""
    if not name or name.startswith("CPU"):
        return name
    model = re.sub(r"^((NVIDIA|Tesla|GeForce) )+", "", name)
    return "GPU " + re.sub(r"[ -](\d+ ?GB|SXM|PCI|HBM).*", "", model)


def duration(seconds: float) -> str:
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def requested(control: Control, status: Status | None) -> str:
    """What was asked for and not yet seen by the worker; empty if nothing."""
    if status is None or control.seq <= status.seq or status.state == "finished":
        return ""
    if control.mode == "play" and control.until:
        return f"asked for, not yet begun: play until it has {DONE.get(control.until[2], control.until[2])}"
    return f"asked for, not yet done: {control.mode}"


DONE = {"score": "chosen", "buy": "labelled", "train": "trained", "evaluate": "tested"}
"""The phases of a round, done: choose, label, train, test."""


def changes(changed: Mapping[str, Any]) -> str:
    """Settings with their new values, e.g. "Query strategy BADGE, λ 0.20"."""
    return ", ".join(f"{SHORT.get(name, name.replace('_', ' '))} {_value(name, v)}" for name, v in changed.items())


SHORT = {
    "strategy": "strategy",
    "lambda": "λ",
    "n_query": "labels per round",
    "n_end": "budget per task",
    "lr": "learning rate",
}


def _value(name: str, value: Any) -> str:
    if name == "strategy":
        return strategy(str(value))
    if value is None:
        return "auto"
    return f"{value:g}" if isinstance(value, float) else option(str(value))


def settings(names: Iterable[str]) -> str:
    """The titles of these settings, e.g. "CL method, Memory size"."""
    titles = {info.alias or name: info.title for name, info in RunConfig.model_fields.items()}
    return ", ".join(titles.get(name) or name for name in names)


def plain(text: str) -> str:
    """`text` for Markdown, printable and with nothing in it that Markdown would read: for whatever others wrote.

    Whatever a page shows of a file, a link or an input goes through here (tests/test_foreign_text.py looks).
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>$~:#|!&@^+])", r"\\\1", printable(text))
    escaped = re.sub(r"^(\d*)([-=.)])", r"\1\\\2", escaped)  # a list, at the beginning of a line
    # Addresses, :icons: and :emoji: are looked for after escapes are gone: an invisible joiner parts them.
    return re.sub(r"(:(?=//|[a-z][\w/\\+-]*:)|@(?=\w)|www(?=\.))", "\\1\u2060", escaped)


def at(place: tuple[int, int]) -> str:
    """A place where a run can be forked."""
    return f"task {place[0]}, before round {place[1]}" if place[1] else f"task {place[0]}, before its first labels"


def strategy(name: str) -> str:
    return label_of("strategies", name)


def described(kind: Kind, names: Iterable[str]) -> str:
    """For the help of a menu of plug-ins, a line for each: what it is called, and what it says it does."""
    lines = [(label_of(kind, name), does(kind, name)) for name in names]
    return "".join(f"\n- **{plain(label)}**: {said}" for label, said in lines if said)


def of_menu(setting: str, names: Iterable[str]) -> str:
    """The help of a menu that chooses this setting among plug-ins: what the setting is, and a line for each choice."""
    return f"{RunConfig.model_fields[setting].description}\n{described(KINDS[setting], names)}"


def does(kind: Kind, name: str) -> str:
    """What a plug-in says it does, in Markdown; empty for one that is not installed."""
    found = choices(kind).get(name)
    return plain(found.summary.removeprefix(f"{found.label}: ")) if found else ""


def uses_lambda(strategy: str) -> bool:
    found = choices("strategies").get(strategy)
    return found is not None and "lambda" in found.settings


OPTIONS = {
    "mlp": "small MLP",
    "cnn": "small CNN",
    "resnet18": "ResNet-18",
    "cpu": "CPU",
    "cuda": "GPU (CUDA)",
    "crop_flip": "crop and mirror",
    "flip": "mirror",
    "class": "new classes",
    "domain": "all classes in a new look",
    "rotate": "rotated",
    "permute": "pixels permuted",
    "folders": "one folder a look",
    "auto": "automatic",
    "last_round": "last round of each task",
    "mobilenet_v3_small": "MobileNet v3 small",
    "resnet50": "ResNet-50",
    "efficientnet_lite0": "EfficientNet-Lite0",
}


def short(score: float) -> str:
    """A score that fits below a picture; one that a sample does not have is a dash."""
    if math.isnan(score):
        return "–"
    text = f"{score:.2g}"
    return text if len(text) <= 6 else f"{score:.0e}"


def class_names(history: History) -> dict[int, str]:
    """What classes are called: "cat", and "class 3" where the name is only the number."""
    started = history.of(Started)
    names = started[0].class_names if started else []
    return {c: f"class {name}" if name == str(c) else name for c, name in enumerate(names)}


def in_titles(sentence: str) -> str:
    """A sentence about settings with their titles in the place of their names; choices stay as they are written."""
    sentence, choices_, rest = sentence.partition(" Choices: ")
    titles = {info.alias or name: info.title for name, info in RunConfig.model_fields.items()}
    named = re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda m: f"“{titles.get(m[0])}”" if m[0] in titles else m[0], sentence)
    first = named.split(" ", 1)[0].rstrip(":")
    return (named.replace(first, f"“{titles[first]}”", 1) if first in titles else named) + choices_ + rest


def why(sentence: str) -> str:
    """Why a setting changes nothing (acl.plugins.unused), for its widget's help: what plug-ins are called."""
    titles = {info.alias or name: f"“{info.title}”" for name, info in RunConfig.model_fields.items()}
    labels = {name: title for name, title in titles.items() if "_" in name}
    labels |= {name: plugin.label for kind in KINDS.values() for name, plugin in choices(kind).items()}
    said = re.sub(r"\bdoes not use \w+", "does not use this", sentence)
    said = re.sub(r"[\w=]+", lambda found: labels.get(found[0], found[0]), said)
    said = re.sub(r"(\w+)=(\w+)", lambda found: f"{titles.get(found[1], found[1])} = {option(found[2])}", said)
    return f"{said[0].upper()}{said[1:]}."


def score(name: str) -> str:
    """What a score is called on an axis or in a menu."""
    return axis(name).title


def short_score(name: str) -> str:
    """What it is called in small places, if that is another name."""
    return axis(name).short


def axes(strategy: str) -> tuple[str, str] | None:
    """The two scores that tell most about a strategy's choice, as it says itself."""
    found = choices("strategies").get(strategy)
    return found.axes if found else None


def picks(strategy: str) -> str:
    """How a strategy picks by its scores, as it says itself; "" where it says nothing, or is not installed here."""
    found = choices("strategies").get(strategy)
    return found.picks if found else ""


def option(value: str) -> str:
    """How a form shows one choice of a setting."""
    return OPTIONS.get(value, value.replace("_", " "))


# -- what happened -------------------------------------------------------------------------------------


def story(history: History) -> list[tuple[float, str]]:
    """The run in sentences, oldest first, each with its time (Unix seconds)."""
    lines: list[tuple[float, str]] = []
    before: list[float] = []
    names = class_names(history)
    for row in history.rows:
        sentence = _sentence(row.event, before, names)
        if isinstance(row.event, Evaluated):
            before = row.event.accuracy
        if sentence:
            lines.append((row.t, sentence))
    return lines


def _sentence(event: Event, before: list[float], names: dict[int, str]) -> str:
    match event:
        case Started():
            return f"The run began: {event.stream}, {len(event.tasks)} tasks, on {event.device}."
        case TaskStarted():
            classes = ", ".join(names.get(c, f"class {c}") for c in event.classes)
            return f"Task {event.task} arrived: {event.pool:,} unlabelled samples of {classes}."
        case Remembered():
            return f"The memory now holds {len(event.ids)} samples." if event.ids else ""
        case Finished():
            return f"The run ended: {percent(100 * event.summary['A'])} kept on average."
        case Resumed():
            return f"A worker took the run up again in task {event.task}, round {event.round}."
        case Epoch():
            return ""
        case _:
            return f"{_where(event)}: {_in_round(event, before, names)}."


def _in_round(event: InRound, before: list[float], names: dict[int, str]) -> str:
    match event:
        case Steered():
            return f"changed from here on: {changes(event.changes)}"
        case Scored():
            name = label_of("strategies", event.strategy)
            weight = f" (λ = {event.lambda_:.2f})" if uses_lambda(event.strategy) else ""
            return f"{name} chose {len(event.ids)} of {event.pool:,} samples{weight}"
        case Bought():
            return _labelled(event, names)
        case Trained():
            return f"training took {event.seconds:.2f} s; the loss ended at {event.loss:.3f}"
        case Evaluated():
            return _changes(event.accuracy, before)
        case _:
            assert_never(event)


def event_name(event: Event) -> str:
    round_ = getattr(event, "round", 0)
    where = f"task {getattr(event, 'task', 1)}" + (f", round {round_}" if round_ else "")
    match event:
        case TaskStarted():
            return f"{where}: arrived"
        case Scored():
            return f"{where}: chosen"
        case Bought():
            return f"{where}: labelled"
        case Trained():
            return f"{where}: trained"
        case Remembered():
            return f"{where}: remembered"
        case Evaluated():
            return f"{where}: tested"
        case Steered():
            return f"{where}: changed"
        case Started():
            return "the beginning"
        case Finished():
            return "the end"
        case Epoch():
            return f"{where}: epoch {event.epoch}"
        case Resumed():
            return f"{where}: taken up again"
        case _:
            assert_never(event)


def _labelled(event: Bought, names: dict[int, str]) -> str:
    if event.by == "nobody":
        return "the budget is spent: no label was bought"
    hand = f", {len(event.by_hand)} by hand" if event.by_hand else ""
    said = f"{len(event.ids)} samples were labelled{hand}: {_counts(event.labels, names)}"
    return f"chosen by a human, {len(event.replaced)} picks replaced; {said}" if event.by == "human" else said


def _where(event: InRound) -> str:
    return f"Task {event.task}, " + (f"round {event.round}" if event.round else "first labels")


def _counts(labels: list[int], names: dict[int, str]) -> str:
    return ", ".join(f"{labels.count(c)} of {names.get(c, f'class {c}')}" for c in sorted(set(labels)))


def _changes(after: list[float], before: list[float]) -> str:
    """The new task's accuracy, and the old task that moved most."""
    said = f"task {len(after)} is at {whole_percent(100 * after[-1])}"
    moved = [(abs(a - b), j) for j, (a, b) in enumerate(zip(after[:-1], before, strict=False))]
    if moved and max(moved)[0] >= 0.005:
        j = max(moved)[1]
        verb = "fell" if after[j] < before[j] else "rose"
        said += f"; task {j + 1} {verb} from {whole_percent(100 * before[j])} to {whole_percent(100 * after[j])}"
    return said
