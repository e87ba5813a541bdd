"""What strategies of other parties answer: every kind of nonsense, at every place that asks, is one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from acl.analysis import comparison
from acl.cli import main
from acl.config import RunConfig
from acl.events import Bought
from acl.plugins.asking import ask
from acl.plugins.blame import PluginError
from acl.runs.control import read_status, request
from acl.runs.folder import create
from acl.service.worker import execute
from acl.snapshots.snapshot import load_snapshot
from app.inspection import samples as pool
from tests.conftest import SMALL, small_config
from tests.contexts import make_context
from tests.foreign import FORCED
from tests.test_backend import Served
from tests.tools import history_facts, run_config, state_of, wait_for

HEAD = f'''"""Answers nonsense."""
import sys
import numpy as np
import torch
from acl.selection.query import Selection
from acl.strategies.base import Base
{FORCED}
class Odd(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise ValueError("even this")

class Bad(Base):
    def select(self, context):
        ids, n = context.pool.ids, context.n
        def answer(ids, scores=None, partial=()):
            return forced(Selection, ids=ids, scores={{}} if scores is None else scores, partial=partial)
        def scored(values, name="margin", partial=()):
            return answer(ids[:n], {{name: values}}, partial)
'''
LINE = HEAD.count("\n") - 5
NOT_ANSWERS = {
    "None": ("return None", "must return a Selection, it returned a NoneType"),
    "a list": ("return ids[:n].tolist()", "must return a Selection, it returned a list"),
    "a pair": ("return ids[:n], {}", "must return a Selection, it returned a tuple"),
    "bare ids": ("return ids[:n]", "must return a Selection, it returned int64 ["),
}
BAD_IDS = {
    "one id n times": ("return answer(ids[[2] * n])", "more than once, all must be different"),
    "n + 7 ids": ("return answer(ids[:n + 7])", "were asked for"),
    "n − 1 ids": ("return answer(ids[:n - 1])", "were asked for"),
    "no ids": ("return answer(ids[:0])", "returned 0 ids"),
    "an empty list": ("return answer([])", "returned 0 ids"),
    "labelled ids": ("return answer(torch.cat([context.labelled.ids[:1], ids[:n - 1]]))", "it is labelled already"),
    "foreign ids": ("return answer(ids[:n] + 10**12)", "is nowhere in this query"),
    "negative ids": ("return answer(-1 - ids[:n])", "is nowhere in this query"),
    "float ids": ("return answer(ids[:n].double())", "returned ids that are float64 ["),
    "a mask": ("return answer(torch.arange(len(ids)) < n)", "returned ids that are bool ["),
    "ids in two rows": ("return answer(ids[None, :n])", "returned ids that are int64 [1, "),
    "text": ("return answer(['a'] * n)", "returned ids that are a list"),
    "a generator": ("return answer(iter(ids[:n]))", "whole numbers in a row"),
    "no id list": ("return answer(None)", "returned ids that are a NoneType"),
}
BAD_SCORES = {
    "NaN": ("return scored(ids * float('nan'))", "returned nan as the score 'margin' of sample"),
    "inf": ("return scored(ids * float('inf') + 1)", "as the score 'margin' of sample"),
    "inf said": ("return scored(ids + float('inf'), partial=['margin'])", "returned inf as the score 'margin'"),
    "too few": ("return scored(torch.zeros(len(ids) - 1))", "it must be one number for each of"),
    "too many": ("return scored(np.zeros(len(ids) + 1))", "it must be one number for each of"),
    "only the picks": ("return scored(torch.zeros(n))", "it must be one number for each of"),
    "two columns": ("return scored(torch.zeros(len(ids), 2))", "it must be one number for each of"),
    "one number": ("return scored(0.5)", "returned the score 'margin' as a float"),
    "bools": ("return scored(ids > 0)", "returned the score 'margin' as bool ["),
    "complex": ("return scored(ids * 1j)", "returned the score 'margin' as complex64 ["),
    "texts": ("return scored(['x'] * len(ids))", "returned the score 'margin' as a list"),
    "no mapping": ("return answer(ids[:n], [ids.double()])", "returned scores that are a list"),
    "a number as name": ("return scored(ids.double(), 3)", "returned a score named 3"),
    "a column's name": ("return scored(ids.double(), 'label')", "returned a score named 'label'"),
    "half a character as name": ("return scored(ids.double(), 'a\\ud800')", "a score named 'a\\ud800', it must"),
    "two lines as name": ("return scored(ids.double(), 'a\\nb')", "it must be a text in one line"),
    "masked": ("return scored(np.ma.masked_array(ids.numpy(), mask=True))", "the score 'margin' as masked int64 ["),
    "partial of nothing": ("return scored(ids.double(), partial=['other'])", "it must hold names of its scores"),
    "partial as text": ("return scored(ids.double(), 'ab', partial='ab')", "it must hold names of its scores"),
}
RAISED = {
    "an error": ("raise KeyError('gone')", "raised KeyError: 'gone'"),
    "no words": ("raise ValueError", "raised ValueError."),
    "many words": ("raise ValueError('no ' * 10000)", "raised ValueError: no no"),
    "lines": ("raise ValueError('one\\n\\ntwo.')", "raised ValueError: one two."),
    "a name of two lines": ("raise type('Two\\nlines', (Exception,), {})('so')", "raised Two lines: so."),
    "a group": ("raise ExceptionGroup('many', [KeyError('one')])", "raised ExceptionGroup: many (1 sub-exception)"),
    "no str": ("raise Mute", "raised Mute"),
    "exit": ("sys.exit()", "raised SystemExit"),
    "exit 0": ("sys.exit(0)", "raised SystemExit: 0"),
    "its own BaseException": ("raise Odd('so')", "raised Odd: so"),
    "GeneratorExit": ("raise GeneratorExit", "raised GeneratorExit"),
    "StopIteration": ("return next(iter([]))", "raised StopIteration"),
    "recursion": ("return self.select(context)", "raised RecursionError"),
}
TABLE = NOT_ANSWERS | BAD_IDS | BAD_SCORES | RAISED
SETTINGS = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]


def in_a_run(runs, capsys):
    assert main(["run", *SETTINGS, "--strategy", "bad", "--runs", str(runs), "--quiet"]) == 2
    path = next(path for path in runs.iterdir() if path.name[0] != ".")
    status = read_status(path)
    assert status.state == "failed" and (status.task, status.round, status.phase) == (1, 1, "score")
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err == f"acl: {status.error} ({status.details})\n"
    return status.error, status.details


def by_select(runs, capsys):
    make_context(n=4).save(runs.parent / "query.safetensors")
    assert main(["select", str(runs.parent / "query.safetensors"), "--strategy", "bad"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    sentence, _, details = said.err.removeprefix("acl: ").removesuffix(")\n").rpartition(" (" + str(runs.parent))
    return sentence, str(runs.parent) + details


def in_the_comparison(runs, capsys):
    found = comparison.strategies_here(make_context(n=4), RunConfig(), ["bad", "uniform"])
    assert isinstance(found["uniform"], comparison.Judged)
    sentence, _, details = found["bad"].removesuffix(")").rpartition(" (" + str(runs.parent))
    return sentence, str(runs.parent) + details


def on_inspect(runs, capsys):
    path = runs.parent / "query.safetensors"
    make_context(n=4).save(path)
    with pytest.raises(PluginError) as caught:
        pool.selection(str(path), path.stat().st_mtime_ns, "bad", 4, RunConfig().to_json())
    return str(caught.value), caught.value.details


@pytest.mark.parametrize("place", [in_a_run, by_select, in_the_comparison, on_inspect])
@pytest.mark.parametrize("kind", TABLE)
def test_a_bad_answer_is_one_sentence_that_names_the_strategy_and_its_line(site, runs, capsys, kind, place):
    body, expected = TABLE[kind]
    path = site.add("strategies", "bad", f"{HEAD}        {body}\n")
    sentence, details = place(runs, capsys)
    assert sentence.startswith("The strategy 'bad' ") and sentence.endswith(".") and expected in sentence
    assert "\n" not in sentence and len(sentence) < 500
    line = body if kind in RAISED else "def select(self, context):"
    number = HEAD.count("\n") + 1 if kind in RAISED else LINE
    assert details == f"{path}:{number}: {line}"


@pytest.mark.parametrize(
    "ids", ["ids[:n]", "ids[:n].flip(0)", "ids[:n].int()", "ids[:n].numpy().astype('uint16')", "ids[:n].tolist()"]
)
def test_whole_numbers_of_any_kind_are_ids(site, ids):
    site.add("strategies", "bad", f"{HEAD}        return answer({ids})\n")
    context = make_context(n=4)
    found = ask("bad", RunConfig(), context)
    assert found.ids.dtype == torch.int64 and sorted(found.ids.tolist()) == context.pool.ids[:4].tolist()


@pytest.mark.parametrize(
    "values", ["ids.half()", "ids", "ids.tolist()", "ids.numpy().astype('float32')", "ids.double().requires_grad_()"]
)
def test_real_numbers_of_any_kind_are_scores(site, values):
    site.add("strategies", "bad", f"{HEAD}        return scored({values})\n")
    context = make_context(n=4)
    found = ask("bad", RunConfig(), context).scores["margin"]
    assert found.dtype == torch.float64 and found.numpy().tolist() == context.pool.ids.tolist()


def test_a_score_that_some_samples_lack_is_nan_where_that_is_said(site, runs):
    body = "return scored(torch.where(ids > 9, ids, torch.nan), partial=['margin'])"
    site.add("strategies", "bad", f"{HEAD}        {body}\n")
    context = make_context(n=4)
    assert ask("bad", RunConfig(), context).scores["margin"].isnan().tolist() == (context.pool.ids <= 9).tolist()
    run = create(small_config(strategy="bad"), runs)
    assert execute(run).state == "finished"


def test_a_strategy_cannot_harm_what_is_written_down(site, runs):
    """It writes into every tensor it is shown; the run goes as that of one that does not."""
    honest = f"{HEAD}        return answer(ids[:n].clone())\n"
    spoil = "[v.zero_() for s in context.roles().values() for v in (s.ids, s.h, s.p)]"
    wild = f"{HEAD}        kept = answer(ids[:n].clone())\n        {spoil}\n        return kept\n"
    facts, snapshots = [], []
    for source in (honest, wild):
        site.add("strategies", "bad", source)
        run = create(small_config(strategy="bad"), runs)
        assert execute(run).state == "finished"
        facts.append(history_facts(run))
        snapshots.append([load_snapshot(run.snapshot(t, r)).context for t in (1, 2) for r in (1, 2, 3)])
    assert facts[0] == facts[1]
    for one, two in zip(*snapshots, strict=True):
        assert torch.equal(one.pool.h, two.pool.h) and torch.equal(one.memory.p, two.memory.p)


def test_what_it_prints_never_comes_after_the_result(site, runs, capsys):
    site.add("strategies", "bad", f"{HEAD}        print('noise', end='')\n        return answer(ids[:n])\n")
    assert main(["run", *SETTINGS, "--strategy", "bad", "--runs", str(runs), "--quiet"]) == 0
    said = capsys.readouterr()
    assert "noise" in said.err and json.loads(said.out)["run"]
    make_context(n=4).save(runs / "query.safetensors")
    assert main(["select", str(runs / "query.safetensors"), "--strategy", "bad"]) == 0
    assert len(json.loads(capsys.readouterr().out)["ids"]) == 4


@pytest.mark.parametrize("body", ["return answer(ids[:n - 1])", "return ids[:n].tolist()", "sys.exit(0)"])
def test_the_command_line_ends_with_exit_code_2(site, runs, body):
    site.add("strategies", "bad", f"{HEAD}        {body}\n")
    command = [sys.executable, "-m", "acl", "run", *SETTINGS, "--strategy", "bad", "--runs", str(runs), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.startswith("acl: The strategy 'bad' ") and "foreign_bad.py:" in done.stderr


@pytest.mark.parametrize("body", ["return answer(ids[:n - 1])", "sys.exit(0)", "raise Odd"])
def test_the_backend_does_not_try_again(site, runs, body):
    site.add("strategies", "bad", f"{HEAD}        print('hello')\n        {body}\n")
    run = create(small_config(strategy="bad"), runs)
    request(run.path, mode="play")
    with Served(runs, slots=1) as backend:
        wait_for(lambda: state_of(run.path) == "failed")
        status = read_status(run.path)
        assert status.error.startswith("The strategy 'bad' ") and "foreign_bad.py:" in status.details
        # The next look finds nothing to do.
        looked = backend.watched[run.id]
        wait_for(lambda: looked.job is None and looked.status is not None and looked.status.state == "failed")
        assert looked.attempts.exit_code in {None, 2} and looked.attempts.n == 0
    log = (run.path / "worker.log").read_text()
    assert log.count("hello") == 1 and log.splitlines()[-1] == status.error and "NoneType: None" not in log
    assert [event.round for event in run.history().of(Bought)] == [0]


def test_an_adapter_that_gives_other_positions_shows_its_class(site):
    source = "from acl.strategies.base import FromQuery\n\nclass Bad(FromQuery):\n"
    path = site.add(
        "strategies", "bad", f"{source}    def query_function(self, context):\n        return lambda n: [0] * n\n"
    )
    with pytest.raises(
        PluginError, match=r"The strategy 'bad' raised ValueError: query\(4\) must return 4 diff"
    ) as caught:
        ask("bad", RunConfig(), make_context(n=4))
    assert caught.value.details == f"{path}:3: class Bad(FromQuery):"


def test_a_full_memory_and_an_interrupt_are_not_its_fault(site):
    for raised in ("MemoryError", "KeyboardInterrupt", "RuntimeError('not enough memory: you tried')"):
        site.add("strategies", "bad", f"{HEAD}        raise {raised}\n")
        with pytest.raises((MemoryError, KeyboardInterrupt, RuntimeError)) as caught:
            ask("bad", RunConfig(), make_context(n=4))
        assert not isinstance(caught.value, PluginError)


def test_a_full_memory_is_one_sentence_on_the_command_line(site, runs, capsys):
    site.add("strategies", "bad", f"{HEAD}        raise MemoryError('array of 9 TB')\n")
    make_context(n=4).save(runs.parent / "query.safetensors")
    asked = ["--strategy", "bad"]
    for command in (["run", *SETTINGS, *asked, "--runs", str(runs), "--quiet"],
                    ["select", str(runs.parent / "query.safetensors"), *asked]):  # fmt: skip
        assert main(command) == 3
        said = capsys.readouterr()
        assert said.out == "" and said.err.startswith("acl: Out of memory (array of 9 TB); ")
        assert said.err.endswith("; try again.\n") and said.err.count("\n") == 1


@pytest.mark.parametrize("place", ["select", "import"])
def test_who_turns_gradients_off_leaves_the_learner_out_of_it(site, config, place):
    off = "torch.set_grad_enabled(False)"
    head = f"{HEAD}        {off}\n" if place == "select" else HEAD.replace("class Odd", f"{off}\n\nclass Odd")
    site.add("strategies", "bad", f"{head}        return answer(ids[:n])\n")
    try:
        assert run_config(config.changed(strategy="bad"))[-1].summary
    finally:
        torch.set_grad_enabled(True)


def test_a_run_is_not_steered_to_a_strategy_that_cannot_be_made(site, config, runs):
    from acl.config import UserError
    from acl.loop import Loop
    from acl.plugins.registry import prepare

    site.add("strategies", "bad", f"{HEAD}        pass\n    def __init__(self):\n        raise KeyError\n")
    loop = Loop(config, prepare(config))
    while not loop.before_query:
        loop.step()
    with pytest.raises(UserError, match="The strategy 'bad' raised KeyError"):
        loop.steer({"strategy": "bad"})
    assert loop.config.strategy == "accuacl"


def test_numbers_that_ours_give_pass_as_they_are():
    context = replace(make_context(n=4))
    for name in ("accuacl", "badge", "bait", "entropy", "kcenter", "least_confidence", "uniform"):
        found = ask(name, RunConfig(), context)
        assert len(found.ids) == 4 and all(np.isfinite(v.numpy()).all() for v in found.scores.values())
