"""The same run on any machine: float64 under three instruction sets, and what float32 and earlier runs may claim."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from acl.cli import main
from acl.config import EARLIER, UserError, make_config
from acl.events import Epoch, Evaluated, Started, Trained, to_line
from acl.loop import Loop
from acl.plugins.registry import discover, prepare
from acl.presets import preset_config
from acl.results.table import finished_runs, results
from acl.runs.control import read_status
from acl.runs.folder import Run, create, find_run, list_runs, resolved
from acl.runs.fork import fork
from acl.runs.sameness import key, telling
from acl.runs.verify import verify
from acl.service.worker import execute
from acl.system.machine import described, differences
from tests.conftest import small_config

ENVIRONMENTS = {
    "as it is": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2"},
    "plain": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
}
MEASURED = {"loss", "likelihood", "L"}
WORK = """
import json, sys
import torch
from acl.presets import preset_config
from acl.plugins.registry import discover
from tests.tools import facts, run_config
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
runs = {name: facts(run_config(preset_config("digits-demo", learner=name))) for name in discover("learners")}
print(json.dumps([torch.backends.cpu.get_cpu_capability(), runs]))
"""


def worked_out(environment: dict[str, str]) -> tuple[str, dict[str, list]]:
    root = Path(__file__).resolve().parent.parent
    out = subprocess.run(
        [sys.executable, "-c", WORK], cwd=root, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    return tuple(json.loads(out.stdout))


def decided_and_measured(value, name=""):
    """What of a fact was decided, and the floats in it that were measured."""
    if name in MEASURED:
        return None, list(np.ravel(np.concatenate([np.ravel(v) for v in value]) if isinstance(value, list) else value))
    if isinstance(value, dict):
        parts = {k: decided_and_measured(v, k) for k, v in value.items()}
        return {k: decided for k, (decided, _) in parts.items()}, [x for _, floats in parts.values() for x in floats]
    return value, []


@pytest.mark.slow
def test_digits_demo_is_the_same_run_under_three_instruction_sets():
    """Decisions exactly, what is measured as float32 (or the neighbour, where a value lies between two)."""
    found = {name: worked_out(environment) for name, environment in ENVIRONMENTS.items()}
    capabilities = {name: capability for name, (capability, _) in found.items()}
    assert capabilities["plain"] == "DEFAULT"
    assert capabilities["as it is"] != "DEFAULT" or platform.machine() != "x86_64", "the three must differ"
    first = found["as it is"][1]
    assert first.keys() == discover("learners").keys()
    for name, (_, runs) in found.items():
        for learner, events in runs.items():
            assert len(events) == len(first[learner]) > 900
            for mine, theirs in zip(events, first[learner], strict=True):
                (decided, measured), (expected, values) = decided_and_measured(mine), decided_and_measured(theirs)
                assert decided == expected, (name, learner)
                a, b = np.array(measured, np.float32), np.array(values, np.float32)
                assert measured == a.tolist() and values == b.tolist()  # recorded as float32, no digit more
                assert ((a == b) | (np.nextafter(a, b) == b)).all(), (name, learner, mine["kind"])


def test_the_small_perceptron_works_in_float64_and_everything_it_keeps_with_it():
    config = small_config(learner="derpp")
    loop = Loop(config, prepare(config))
    while not loop.done:
        event = loop.step()
        if isinstance(event, Epoch | Trained):
            assert event.loss == float(np.float32(event.loss))
        if isinstance(event, Evaluated):
            assert event.likelihood == np.array(event.likelihood, np.float32).tolist()
    assert {value.dtype for value in loop.model.parameters()} == {torch.float64}
    assert loop.memory.logits.dtype == np.float64 and loop.query.context.pool.h.dtype == torch.float32
    assert resolved(config, loop.stream).precision == "float64"
    assert make_config({"model": "cnn"}).numbers == make_config({"model": "resnet18"}).numbers == "float32"
    single = small_config(precision="float32")
    assert {v.dtype for v in Loop(single, prepare(single)).model.parameters()} == {torch.float32}
    assert key(config.changed(precision="float64")) == key(config.changed(precision="auto"))
    assert key(config.changed(precision="float32")) != key(config)


def test_a_base_of_another_precision_is_never_taken_up(runs):
    run = create(small_config(), runs)
    execute(run)
    history = run.history()
    base = load_file(run.base(2))
    single = {k: v.float() if k.startswith("model.") else v for k, v in base.items()}
    loop = Loop(run.config, prepare(run.config))
    with pytest.raises(UserError, match="float32"):
        loop.restore(history, single)


# -- runs of an earlier version ------------------------------------------------------------------------


def made_earlier(run: Run) -> Run:
    """`run` as if an earlier version had made it: format 1, and none of the settings that came since."""
    path = run.path / "config.json"
    record = json.loads(path.read_text())
    values = {k: v for k, v in record["config"].items() if k not in {"method", "precision", "refill"}}
    path.write_text(json.dumps({**record, "format": "1", "config": values}))
    return Run(run.path)


@pytest.fixture
def earlier(runs):
    run = create(small_config(precision="float32"), runs)
    execute(run)
    return made_earlier(run)


def test_an_earlier_run_opens_compares_and_exports(earlier, runs, capsys, tmp_path):
    assert earlier.config.method == 1 and earlier.config.numbers == "float32"
    today = create(small_config(precision="float32"), runs)
    execute(today)
    assert telling(earlier.config) != telling(today.config), "a cohort of its own"
    found, left_out = finished_runs([], runs)
    assert len(found) == 2 and not left_out and len(results(found)) == 2
    assert main(["export", str(earlier.path), "-o", str(tmp_path / "run.zip")]) == 0
    earlier.path.rename(tmp_path / "away")
    assert main(["import", str(tmp_path / "run.zip"), "--runs", str(runs)]) == 0
    assert find_run(earlier.id, runs).config.method == 1
    for path in sorted((earlier.path / "queries").glob("*.safetensors")):
        assert main(["select", str(path), "--strategy", "accuacl"]) == 0
    # Nothing of it may enter a new run.
    with pytest.raises(UserError, match="no choice"):
        preset_config("digits-demo", method=1)


@pytest.mark.parametrize("command", [["resume"], ["verify", "--quiet"], ["fork", "--at", "2.1"]])
def test_an_earlier_run_is_not_worked_on(earlier, runs, capsys, command):
    if command[0] == "resume":
        lines = earlier.events.read_text().splitlines(keepends=True)
        earlier.events.write_text("".join(lines[:-1]))
    before = {p.name: p.read_bytes() for p in earlier.path.iterdir() if p.is_file()}
    assert main([command[0], str(earlier.path), *command[1:], "--runs", str(runs)]) == 2
    assert capsys.readouterr().err == f"acl: {EARLIER}\n"
    assert {p.name: p.read_bytes() for p in earlier.path.iterdir() if p.is_file()} == before
    assert len(list_runs(runs)) == 1


def test_a_worker_refuses_an_earlier_run_in_a_sentence(runs):
    run = made_earlier(create(small_config(), runs))
    with pytest.raises(UserError, match="earlier version"):
        execute(run)
    assert read_status(run.path).error == EARLIER
    with pytest.raises(UserError, match="earlier version"):
        fork(run, (1, 0), {}, runs)


# -- verify on another machine -------------------------------------------------------------------------


def recorded_elsewhere(run: Run, **changes: str) -> None:
    rows = run.history().rows
    events = [
        replace(r.event, machine={**r.event.machine, **changes}) if isinstance(r.event, Started) else r.event
        for r in rows
    ]
    run.events.write_text("".join(to_line(e, r.seq, r.t) for e, r in zip(events, rows, strict=True)))


def nudged(path: Path, by: float) -> None:
    tensors = load_file(path)
    name = next(k for k in tensors if k.startswith("model."))
    tensors[name] = tensors[name] * (1 + by)
    save_file(tensors, path)


def test_the_machine_is_recorded_and_differences_are_named(runs):
    run = create(small_config(), runs)
    execute(run)
    told = run.history().started.machine
    assert told == described("cpu") and {"acl", "torch", "numpy", "processor", "blas"} == told.keys()
    assert differences(told, told) == [] and differences({**told, "acl": "0.0.1"}, told) == []
    assert differences({**told, "torch": "2.9"}, told) == [f"torch 2.9 (here {torch.__version__})"]
    assert len(differences({}, told)) == 4


def test_on_the_same_machine_every_bit_counts_elsewhere_six_digits(runs):
    run = create(small_config(), runs)
    execute(run)
    verdict = verify(run)
    assert not verdict.difference and verdict.sentence.startswith("Bit for bit the same")
    nudged(run.base(2), 1e-9)
    assert "differs in 02/base.safetensors" in verify(run).difference
    recorded_elsewhere(run, processor="another")
    verdict = verify(run)
    assert not verdict.difference and verdict.elsewhere == (
        f"the processor another (here {described('cpu')['processor']})",
    )
    assert "every decision exactly" in verdict.sentence and "six digits" in verdict.sentence
    nudged(run.base(2), 1e-3)
    verdict = verify(run)
    assert "differs in 02/base.safetensors" in verdict.difference
    assert (
        verdict.figures
        == " It ends here with "
        + ", ".join(
            f"{n} {100 * run.summary[n]:.1f} % (recorded {100 * run.summary[n]:.1f} %)" for n in ("A", "F", "LA")
        )
        + "."
    )


@pytest.mark.parametrize(("name", "equal"), [("likelihood", True), ("accuracy", False)])
def test_elsewhere_too_what_is_decided_is_compared_exactly(runs, name, equal):
    run = create(small_config(), runs)
    execute(run)
    recorded_elsewhere(run, processor="another")
    rows = run.history().rows
    last = [row for row in rows if isinstance(row.event, Evaluated)][-1]
    forged = replace(last.event, **{name: [value - 1e-7 for value in getattr(last.event, name)]})
    run.events.write_text("".join(to_line(forged if r is last else r.event, r.seq, r.t) for r in rows))
    difference = verify(run).difference
    # The summary is made of the accuracies and likelihoods as they are worked out, and agrees.
    assert (difference == "") is equal and (equal or "accuracy differ at place 1" in difference)


def test_nothing_is_written_into_a_recording(runs, capsys):
    run = create(small_config(), runs)
    execute(run)
    (run.path / "recorded").touch()
    before = sorted(p.name for p in run.path.iterdir())
    assert main(["verify", str(run.path), "--quiet"]) == 0
    assert sorted(p.name for p in run.path.iterdir()) == before
