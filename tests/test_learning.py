"""What learners of other parties answer: losses without a gradient, memories of anything, are one sentence."""

from __future__ import annotations

import pytest
import torch

from acl.config import UserError
from acl.plugins.blame import PluginError
from acl.plugins.learning import Learner
from acl.runs.control import read_status
from acl.runs.folder import create
from acl.service.worker import execute
from tests.conftest import small_config
from tests.foreign import FORCED
from tests.tools import facts, run_config

HEAD = f'''"""Teaches nonsense."""
from dataclasses import dataclass, replace
import sys
import numpy as np
import torch
from torch.nn.functional import cross_entropy
from acl.learners.base import Base
from acl.memory import Labelled, Memory

SETTINGS = ("memory",)
{FORCED}
def changed(memory, **values):
    names = ("size", "policy", "seed", "ids", "labels", "logits", "scores")
    return forced(Memory, **{{**{{name: getattr(memory, name) for name in names}}, **values}})

class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()
    @staticmethod
    def backward(ctx, g):
        raise KeyError("in backward")

class Root(Base):
    def loss(self, model, current, replayed):
        return cross_entropy(model(current.x)[1], current.y)

'''
LOSS = """    def loss(self, model, current, replayed):
        ce = cross_entropy(model(current.x)[1], current.y)
        """
REPLAY = "    def replay_memory(self, memory, labelled):\n        "
ADMIT = "    def admit(self, model, batch, memory, images, where):\n        labelled = batch\n        "
REMEMBER = "    def remember(self, memory, labelled):\n        "
LOSSES = {
    "None": ("return None", "a loss that is a NoneType"),
    "a float": ("return ce.item()", "a loss that is a float"),
    "a pair": ("return ce, ce", "a loss that is a tuple"),
    "one a sample": ("return cross_entropy(model(current.x)[1], current.y, reduction='none')", "a loss that is float"),
    "in a row": ("return ce[None]", "[1], it must be one real number"),
    "detached": ("return ce.detach()", "[] without a gradient"),
    "of nothing": ("return torch.zeros((), requires_grad=True)", "that no weight of the network has a part in"),
    "whole": ("return ce.detach().long()", "a loss that is int64 [] without a gradient"),
    "complex": ("return ce * 1j", "a loss that is complex"),
    "NaN": ("return ce * float('nan')", "returned the loss nan at the first step of task 1, round 0"),
    "inf": ("return ce * float('inf')", "returned the loss inf at the first step of task 1, round 0"),
    "raised": ("raise KeyError('so')", "raised KeyError: 'so'."),
    "exit": ("sys.exit(0)", "raised SystemExit: 0."),
    "backward": ("return Backward.apply(ce)", "raised KeyError: 'in backward'."),
    "a weight more": ("model.register_parameter('more', torch.nn.Parameter(ce.detach())); return ce", "more is float"),
    "a buffer more": ("model.register_buffer('more', ce.detach()); return ce", "more is float"),
    "twice": ("ce.backward(); return ce", "raised RuntimeError: Trying to backward"),
}
MEMORIES = {
    "None": ("return None", "no Memory but a NoneType"),
    "labelled": ("return labelled", "no Memory but a Labelled"),
    "grown": ("return changed(memory, size=99)", "a memory of another size, policy or seed"),
    "strangers": (
        "return memory.added(np.array([10**9]), np.array([1])).rows(np.array([0]))", "sample 1000000000, which was nei"
    ),
    "other labels": (
        "return memory.added(labelled.ids[:1], labelled.labels[:1] * 0 + 99).rows(np.array([0]))", "with the label 99"
    ),
    "twice": (
        "one = memory.added(labelled.ids[:1], labelled.labels[:1]); row = np.array([0, 0]); "
        "return changed(one, ids=one.ids[row], labels=one.labels[row], logits=one.logits[row], scores=one.scores[row])",
        "not different and in order",
    ),
    "lists": ("return changed(memory, ids=[1, 2])", "a memory whose ids are a list"),
    "floats": ("return changed(memory, labels=memory.labels * 1.0)", "a memory whose labels are float64 ["),
    "shorter": ("return changed(memory, scores=np.zeros(len(memory) + 1))", "a memory whose scores are float64 ["),
    "logits": (
        "return changed(memory, logits=np.zeros((len(memory), 3), np.float32))", "a memory whose logits are float32 ["
    ),
    "raised": ("raise KeyError('so')", "raised KeyError: 'so'."),
}  # fmt: skip
NESTED = "class Bad(Root):\n"


def failure(site, runs, source: str) -> tuple[str, str]:
    site.add("learners", "bad", HEAD + NESTED + source + "\n")
    run = create(small_config(learner="bad"), runs)
    with pytest.raises(PluginError):
        execute(run)
    status = read_status(run.path)
    assert status.state == "failed" and status.error.startswith("The learner 'bad' ") and "\n" not in status.error
    file, line, code = status.details.split(":", 2)
    assert file.endswith("foreign_bad.py") and (site.folder / file).read_text().splitlines()[int(line) - 1].strip() == (
        code.strip()
    )
    return status.error, code.strip()


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_that_cannot_be_learned_from(site, runs, kind):
    body, expected = LOSSES[kind]
    sentence, code = failure(site, runs, LOSS + body)
    assert expected in sentence
    where = {"raised": body, "exit": body, "backward": 'raise KeyError("in backward")'}
    assert code == where.get(kind, "def loss(self, model, current, replayed):")


@pytest.mark.parametrize("method", [REPLAY, ADMIT, REMEMBER])
@pytest.mark.parametrize("kind", MEMORIES)
def test_a_memory_that_cannot_be(site, runs, kind, method):
    body, expected = MEMORIES[kind]
    sentence, code = failure(site, runs, method + body)
    assert expected in sentence
    assert kind == "raised" or f"returned from {code.split('(')[0].removeprefix('def ')} " in sentence


@pytest.mark.parametrize("method", [REPLAY, ADMIT, REMEMBER])
def test_what_is_written_into_the_memory_itself_is_checked_too(site, runs, method):
    # There is one from the second task on.
    keep = "" if method == REMEMBER else "\n" + REMEMBER + "return memory.updated(labelled.ids, labelled.labels)"
    body = "old = memory.updated(labelled.ids, labelled.labels)\n        "
    body += "fresh = len(memory) == 0\n        memory.labels[:] = 99\n        return old if fresh else memory"
    body = body if method == REMEMBER else "memory.labels[:] = 99\n        return memory"
    assert "a memory with the label 99 for sample" in failure(site, runs, method + body + keep)[0]


def test_a_memory_beyond_its_size(site, runs):
    body = "return memory.added(np.sort(labelled.ids), labelled.labels)"
    assert "a memory of 16 samples, it holds at most 10" in failure(site, runs, REMEMBER + body)[0]


@pytest.mark.parametrize(
    "line", ["memory_policy = 'newest'", "memory_policy = None", "memory_policy = np.zeros(2)", "stores_logits = 1"]
)
def test_attributes_that_say_nothing(site, runs, line):
    sentence, code = failure(site, runs, f"    {line}")
    assert line.split(" ")[0] in sentence and code == "class Bad(Root):"


@pytest.mark.parametrize("name", ["memory_policy", "refill", "stores_logits"])
def test_attributes_that_raise(site, runs, name):
    raising = f"    @property\n    def {name}(self):\n        raise KeyError('so')"
    assert failure(site, runs, raising) == ("The learner 'bad' raised KeyError: 'so'.", "raise KeyError('so')")


@pytest.mark.parametrize("plan", ["None", "'cycle'", "('paper', 4)", "(['cycle'], 4)", "('once', 0)", "('once', 4.0)"])
def test_a_plan_of_replay_that_is_none(site, runs, plan):
    source = f"    def replay_plan(self, replay, size):\n        return {plan}"
    assert failure(site, runs, source)[1] == "def replay_plan(self, replay, size):"


def test_a_training_that_diverges_is_said_so_whoever_wrote_the_loss(site, config):
    site.add("learners", "bad", HEAD)
    at = "^The loss became (inf|nan) in task 1, round 0, epoch 1: lower the learning rate"
    for learner, more in (("er", r"\.$"), ("bad", ", or mend the loss of the learner 'bad'.$")):
        with pytest.raises(UserError, match=at) as caught:
            run_config(config.changed(learner=learner, lr=1e30, epochs=5, batch_size=3, precision="float32"))
        assert not isinstance(caught.value, PluginError)
        with pytest.raises(UserError, match=more):
            raise caught.value


def test_a_network_that_diverges_in_its_last_step_is_not_evaluated(config):
    """The loss of the one step is finite; what it leaves behind is not."""
    with pytest.raises(UserError, match="The training diverged in task 1, round 0: the network's outputs"):
        run_config(config.changed(lr=1e38, epochs=1, batch_size=64))


def test_an_honest_one_runs_like_ours(site, config):
    source = "from acl.learners.er import ER, SETTINGS as THEIRS\n" + HEAD.replace(
        'SETTINGS = ("memory",)', 'SETTINGS = ("memory", "memory_policy", "replay", "memory_batch_size")'
    )
    mine = "@dataclass(frozen=True)\nclass Bad(ER):\n    pass\n"
    site.add("learners", "bad", source[: source.index("class Root")] + mine)
    assert facts(run_config(config.changed(learner="bad"))) == facts(run_config(config.changed(learner="er")))


def test_a_weight_that_is_frozen_is_no_fault(site, config):
    site.add("learners", "bad", HEAD)
    learner = Learner(config.changed(learner="bad"))
    model = torch.nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    learner.backward(model(torch.ones(1, 2)).sum(), model)
    assert model.weight.grad is None and model.bias.grad is not None
