"""Training steps: against a loop that does all of it sample by sample, and captured steps against eager ones."""

from __future__ import annotations

import math
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from acl import steps as steps_module
from acl.config import UserError
from acl.learners.base import Batch
from acl.loop import Loop
from acl.memory import Labelled
from acl.network.models import build_model
from acl.plugins.contradictions import refuse_contradictions
from acl.plugins.registry import discover, prepare
from acl.plugins.unused import unused
from acl.seeds import key, mix, shuffled
from acl.steps import WARM_UPS, Steps
from acl.training import Training
from tests.conftest import small_config
from tests.tools import facts, play, run_config

LEARNERS = sorted(discover("learners"))
NEW, OLD = np.arange(0, 300, 13), np.arange(400, 500, 11)


# -- an epoch at once is what each step by itself would draw ---------------------------------------------


def shown(pixels, draw, mean, std, augment):
    """One image as one draw of 64 bits shows it, by slices of arrays."""
    channels, size = mean.shape[0], pixels.shape[0]
    x = (pixels.transpose(2, 0, 1).astype(mean.dtype) - mean.reshape(channels, 1, 1)) / std.reshape(channels, 1, 1)
    if augment == "none":
        return x
    if draw & 1:
        x = x[:, :, ::-1]
    if augment == "flip":
        return x
    top, left = (draw >> 8) % 9, (draw >> 24) % 9
    padded = np.zeros((channels, size + 8, size + 8), x.dtype)
    padded[:, 4:-4, 4:-4] = x
    return padded[:, top : top + size, left : left + size]


def batch_of(loop, ids, labels, draw_key, logits):
    draws = [int(mix(draw_key, np.array([i]))[0]) for i in ids]
    mean, std = loop.images.mean.numpy(), loop.images.std.numpy()
    images = [shown(loop.stream.images[i], d, mean, std, loop.config.augment) for i, d in zip(ids, draws, strict=True)]
    x = torch.from_numpy(np.stack(images).transpose(0, 2, 3, 1).copy()).permute(0, 3, 1, 2)
    return Batch(x, torch.tensor([labels[i] for i in ids]), logits)


def by_hand(loop, labelled, memory, where):
    """The weights after one training, every batch made where it is used, with an optimiser of its own."""
    config, model = loop.config, loop.model
    labels = dict(zip([*labelled.ids, *memory.ids], [*labelled.labels, *memory.labels], strict=True))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )
    for epoch in range(config.epochs):
        draw = lambda purpose, *more, epoch=epoch: key(config.seed, purpose, *where, epoch, *more)  # noqa: E731
        rate = config.lr_end + (config.lr - config.lr_end) * (1 + math.cos(math.pi * epoch / config.epochs)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        order = shuffled(draw("order"), labelled.ids)
        n_steps = -(-len(order) // config.batch_size)
        old, turn = [], 0
        while len(memory) and len(old) < n_steps * config.memory_batch_size:
            old += shuffled(draw("replay", turn), memory.ids).tolist()
            turn += 1
        for step in range(n_steps):
            ids = order[step * config.batch_size : (step + 1) * config.batch_size]
            current = batch_of(loop, ids, labels, draw("augment"), None)
            replayed = None
            if len(memory):
                size = min(config.memory_batch_size, len(memory))
                ids = old[step * size : (step + 1) * size]
                stored = memory.logits[[memory.ids.tolist().index(i) for i in ids]]
                logits = torch.from_numpy(stored) if loop.learner.stores_logits else None
                replayed = batch_of(loop, ids, labels, draw("replay augment", step), logits)
            optimizer.zero_grad()
            loop.learner.loss(model, current, replayed).backward()
            optimizer.step()
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("augment", ["none", "flip", "crop_flip"])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_training_is_what_single_samples_drawn_step_by_step_give(name, augment):
    config = small_config(
        learner=name, model="cnn", width=8, augment=augment, epochs=2, batch_size=5, memory_batch_size=4, memory=10,
        lr=0.02, lr_end=0.001,
    )  # fmt: skip
    loop = Loop(config, prepare(config))
    labelled = Labelled(NEW, loop.stream.labels[NEW])
    memory = loop.memory if name == "finetune" else loop.memory.added(OLD, loop.stream.labels[OLD])
    if loop.learner.stores_logits:
        memory = memory.with_logits(OLD, torch.linspace(-1, 1, len(OLD) * 10).view(-1, 10).to(torch.float32))
    training = Training(config, loop.steps, labelled, memory, (2, 1), final=False)
    while not training.done:
        training.step()
    trained = {value: tensor.clone() for value, tensor in loop.model.state_dict().items()}
    assert training.n_images == 2 * (len(NEW) + (0 if name == "finetune" else 4 * 5))
    again = Loop(config, prepare(config))
    literal = by_hand(again, labelled, again.learner.replay_memory(memory, labelled), (2, 1))
    assert all(torch.equal(trained[value], literal[value]) for value in literal)


# -- captured steps ------------------------------------------------------------------------------------


class Graph:
    """A stand-in for torch's: what is captured on it is worked out again at each replay, into the same tensors."""

    def __init__(self):
        self.again = None

    def replay(self):
        self.again()


@pytest.fixture
def graphs(monkeypatch):
    """Steps as on a GPU whose graphs can be captured; yields the sizes of each capture."""
    captured = []
    began, work = Steps.__init__, Steps._work

    def begin(self, *given):
        began(self, *given)
        self.captures = True

    @contextmanager
    def nothing(*_):
        yield

    def capture(self, place):
        capture_steps(self, place)
        captured.append((place.new.shape[1], 0 if place.old is None else place.old.shape[1]))

        def again():
            place.loss = work(self, place.new, place.old)

        place.graph.again = again

    class Stream:
        def wait_stream(self, other):
            pass

    capture_steps = Steps._capture
    monkeypatch.setattr(Steps, "__init__", begin)
    monkeypatch.setattr(Steps, "_capture", capture)
    for name, stand_in in (("Stream", Stream), ("current_stream", Stream), ("stream", nothing), ("graph", nothing)):
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    return captured


@pytest.mark.parametrize("name", LEARNERS)
def test_captured_steps_are_the_eager_ones(name, graphs, monkeypatch):
    """Over whole runs: weights, momentum and stored logits of the last training, and warm-up steps, leave no trace."""
    config = small_config(learner=name, momentum=0.9, batch_size=4, memory_batch_size=3, n_end=22)
    with_graphs = facts(play(Loop(config, prepare(config))))
    assert graphs and len(set(graphs)) == len(graphs), "each pair of sizes is captured once"
    monkeypatch.undo()
    assert with_graphs == facts(run_config(config))


def test_a_capture_restores_batch_statistics_and_running_momentum(graphs):
    config = small_config(model="resnet18", epochs=1, lr=0.01)
    loop = Loop(config, prepare(config))
    steps = loop.steps
    columns = torch.zeros(6, 4, dtype=torch.int64)
    columns[0], columns[1] = torch.arange(4), torch.from_numpy(loop.stream.labels[:4])
    steps.begin(loop.memory.logits)
    steps.step(columns, None)
    before = {name: value.clone() for name, value in loop.model.state_dict().items()}
    momentum = [value.clone() for value in steps._momentum()]
    assert momentum and all(value.any() for value in momentum[-2:])
    steps._capture(steps_module.Place(columns[:, :2].clone(), None))
    assert all(torch.equal(before[name], value) for name, value in loop.model.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(momentum, steps._momentum(), strict=True))
    assert int(before["body.bn1.num_batches_tracked"]) == 1 and WARM_UPS > 0


def test_a_steered_run_captures_its_steps_anew(graphs):
    config = small_config(epochs=2)
    loop = Loop(config, prepare(config))
    while not (loop.task == 2 and loop.before_query):
        loop.step()
    first = loop.steps
    loop.steer({"lr": 0.001})
    assert loop.steps is not first and not loop.steps._places
    assert loop.steps.optimizer.param_groups[0]["lr"] == 0.001


def test_only_a_gpu_captures_and_says_so():
    config = small_config(model="cnn", cuda_graphs=True)
    assert not config.cuda_graphs and "cuda_graphs" in unused(config.changed(cuda_graphs=True))
    on_gpu = config.changed(cuda_graphs=True, device="cuda")
    assert "cuda_graphs" not in unused(on_gpu)
    assert "precision=float64" in unused(on_gpu.changed(precision="float64"))["cuda_graphs"]
    assert not Loop(config, prepare(config)).steps.captures


def test_a_gpu_is_waited_for_only_now_and_then(monkeypatch):
    """The host runs ahead of it by no more than LEAD_S: each mark is waited for one LEAD_S later."""
    config = small_config()
    loop, marks, clock = Loop(config, prepare(config)), [], [0.0]

    class Event:
        def __init__(self):
            self.at, self.waited = clock[0], None
            marks.append(self)

        def record(self):
            pass

        def synchronize(self):
            self.waited = clock[0]

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(steps_module.time, "monotonic", lambda: clock[0])
    loop.steps._marked_at = 0.0
    loop.images.device = torch.device("cuda")
    for _ in range(1000):
        clock[0] += 0.001
        loop.steps._keep_near()
    waits = [mark.waited - mark.at for mark in marks[:-1]]
    assert 15 <= len(marks) <= 20 and max(waits) <= 2 * steps_module.LEAD_S


# -- number formats ------------------------------------------------------------------------------------


def test_bfloat16_rounds_products_and_nothing_else():
    config = small_config(model="cnn", width=8, precision="bfloat16")
    assert config.numbers == "float32" and config.precision == "bfloat16"
    rounded, plain = (build_model(config.changed(precision=p), (1, 8, 8), 10) for p in ("bfloat16", "float32"))
    x = torch.linspace(-1, 1, 3 * 64).view(3, 1, 8, 8)
    (h, logits), (_, logits32) = rounded(x), plain(x)
    assert h.dtype == logits.dtype == torch.float32 == next(rounded.parameters()).dtype
    assert not torch.equal(logits, logits32) and torch.allclose(logits, logits32, atol=0.05)
    assert torch.equal(h, h.bfloat16().float())
    cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
    assert all(weight.grad.dtype == torch.float32 for weight in rounded.parameters())
    assert isinstance(rounded.head, nn.Linear)


def test_bfloat16_runs_and_is_another_run(stream):
    config = small_config(model="cnn", width=8, epochs=2, learner="derpp")
    rounded = facts(run_config(config.changed(precision="bfloat16")))
    assert rounded[-1]["kind"] == "finished" and rounded != facts(run_config(config))


def test_tf32_is_refused_where_there_is_no_gpu(stream):
    for device in ("cpu", "auto"):
        with pytest.raises(UserError, match="number format of GPUs"):
            refuse_contradictions(small_config().changed(precision="tf32", device=device), stream)
