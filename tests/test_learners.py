"""Learners: losses and memories against arithmetic by hand, one contract for all, behaviour on digits."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from acl.events import Finished, Remembered
from acl.learners.base import Batch
from acl.learners.derpp import DERpp
from acl.learners.er import ER
from acl.learners.er_ace import ERACE
from acl.learners.finetune import Finetune
from acl.learners.gss import FIRST_SCORE, GSS
from acl.loop import Loop
from acl.memory import Labelled, Memory
from acl.network.images import Images
from acl.network.models import Network, build_model
from acl.plugins.registry import build, discover, plugin, prepare
from acl.presets import preset_config
from acl.training import Training
from tests.conftest import small_config
from tests.tools import facts, run_config

LEARNERS = sorted(discover("learners"))
WHERE = (2, 3, 4, 5)


class Given(Network):
    """A network whose logits are its input: losses can be worked out by hand."""

    def __init__(self):
        nn.Module.__init__(self)

    def forward(self, x):
        logits = x.flatten(1)
        return logits, logits


def batch(logits, labels, stored=None):
    x = torch.tensor(logits).view(len(logits), -1, 1, 1)
    return Batch(x, torch.tensor(labels), None if stored is None else torch.tensor(stored))


def ce(logits, label, classes=None):
    """Cross-entropy of one row of logits over `classes` (default: all)."""
    kept = range(len(logits)) if classes is None else classes
    return math.log(sum(math.exp(logits[c]) for c in kept)) - logits[label]


NEW, NEW_Y = [[2.0, 0.5, -1.0, 3.0], [0.0, 1.0, 0.5, -2.0], [1.0, 1.5, 4.0, 0.0]], [2, 3, 2]
OLD, OLD_Y = [[0.3, -0.7, 2.0, 1.0], [1.2, 0.1, -0.4, 0.9]], [0, 1]
STORED = [[0.0, -1.0, 1.5, 1.0], [2.0, 0.5, -0.5, 0.0]]


def loss(learner, replayed=True):
    old = batch(OLD, OLD_Y, STORED) if replayed else None
    return float(learner.loss(Given(), batch(NEW, NEW_Y), old))


def test_er_is_one_mean_over_both_batches():
    terms = [ce(row, y) for row, y in zip(NEW + OLD, NEW_Y + OLD_Y, strict=True)]
    assert loss(ER()) == pytest.approx(sum(terms) / 5)
    assert loss(GSS()) == pytest.approx(sum(terms) / 5)
    assert loss(ER(), replayed=False) == pytest.approx(sum(terms[:3]) / 3)
    assert loss(Finetune()) == pytest.approx(sum(terms[:3]) / 3)


def test_er_ace_masks_the_classes_that_are_not_in_the_new_batch():
    new = sum(ce(row, y, classes=(2, 3)) for row, y in zip(NEW, NEW_Y, strict=True)) / 3
    old = sum(ce(row, y) for row, y in zip(OLD, OLD_Y, strict=True)) / 2
    assert loss(ERACE()) == pytest.approx((new + old) / 2)
    assert loss(ERACE(), replayed=False) == pytest.approx(new)


def test_er_ace_leaves_the_logits_of_absent_classes_alone():
    current = batch(NEW, NEW_Y)
    current.x.requires_grad_()
    ERACE().loss(Given(), current, batch(OLD, OLD_Y)).backward()
    gradient = current.x.grad.flatten(1)
    assert gradient[:, :2].eq(0).all() and gradient[:, 2:].ne(0).all()


def test_derpp_holds_to_the_stored_logits():
    new = sum(ce(row, y) for row, y in zip(NEW, NEW_Y, strict=True)) / 3
    old = sum(ce(row, y) for row, y in zip(OLD, OLD_Y, strict=True)) / 2
    squares = [(a - b) ** 2 for row, kept in zip(OLD, STORED, strict=True) for a, b in zip(row, kept, strict=True)]
    assert loss(DERpp()) == pytest.approx(new + 0.1 * sum(squares) / 8 + 0.5 * old)
    assert loss(DERpp(), replayed=False) == pytest.approx(new)


# -- memories ------------------------------------------------------------------------------------------


def until_remembered(config):
    """The loop right after each memory update, in turn."""
    loop = Loop(config, prepare(config))
    while not loop.done:
        if isinstance(loop.step(), Remembered):
            yield loop


@torch.no_grad()
def logits_of(loop, ids):
    return loop.model(loop.images.batch(torch.from_numpy(ids)))[1].numpy()


def test_derpp_stores_logits_when_a_sample_enters_and_keeps_them():
    seen = {}
    for loop in until_remembered(small_config(learner="derpp", classes_per_task=2, memory=13)):
        memory, now = loop.memory, logits_of(loop, loop.memory.ids)
        for row, id_ in enumerate(memory.ids.tolist()):
            if id_ in seen:
                assert np.array_equal(memory.logits[row], seen[id_])
                assert not np.allclose(memory.logits[row], now[row], atol=1e-3)
            else:
                np.testing.assert_allclose(memory.logits[row], now[row], atol=1e-5)
        seen = dict(zip(memory.ids.tolist(), memory.logits, strict=True))
    assert loop.task == 5 and {y // 2 for y in memory.labels.tolist()} == {0, 1, 2, 3, 4}


def test_derpp_replays_the_logits_of_the_very_samples(monkeypatch):
    given = []

    def spy(self, model, current, replayed):
        if replayed is not None:
            given.append((replayed.x, replayed.logits))
        return DERpp_loss(self, model, current, replayed)

    DERpp_loss = DERpp.loss
    monkeypatch.setattr(DERpp, "loss", spy)
    loop = Loop(c := small_config(learner="derpp", memory_batch_size=3), prepare(c))
    while not loop.done:
        loop.step()
    base = loop.base_memory
    image_of = {loop.images.batch(torch.tensor([i]))[0].numpy().tobytes(): row for row, i in enumerate(base.ids)}
    assert len(given) == 4 * c.epochs
    for x, logits in given:
        rows = [image_of[image.numpy().tobytes()] for image in x]
        assert np.array_equal(logits.numpy(), base.logits[rows])


def test_er_ace_replays_the_labelled_and_the_strategy_sees_the_memory_from_before():
    loop = Loop(config := small_config(learner="er_ace"), prepare(config))
    seen = set()
    while not loop.done:
        loop.step()
        if loop.training is not None:
            new, replayed = set(loop.training.labelled.ids.tolist()), loop.training.memory
            old = set(loop.base_memory.ids.tolist())
            assert set(replayed.ids.tolist()) <= old | new and set(replayed.ids.tolist()) & new
            assert len(replayed) == min(10, len(old) + len(new))
            seen.add((loop.task, len(old)))
        if loop.query and loop.query.context and loop.query.context.task == loop.task:
            assert loop.query.context.memory.ids.tolist() == loop.base_memory.ids.tolist()
    assert seen == {(1, 0), (2, 10)}


@pytest.fixture(scope="module")
def gss_parts():
    """A network, images, and samples of the first task as GSS gets them."""
    config = small_config(learner="gss")
    stream = prepare(config)
    task = stream.tasks[0]
    images = Images(stream.images, task.train_ids, "none", torch.device("cpu"), torch.float64)
    model = build_model(config, images.shape, stream.n_classes)
    ids = task.train_ids[:24]
    return model, images, Labelled(ids, stream.labels[ids])


def part(labelled, rows):
    return Labelled(labelled.ids[rows], labelled.labels[rows])


def plain_gradient(model, images, labelled):
    """Mean cross-entropy's gradient through .grad, in float64 NumPy."""
    model.zero_grad()
    logits = model(images.batch(torch.from_numpy(labelled.ids)))[1]
    nn.CrossEntropyLoss()(logits, torch.from_numpy(labelled.labels)).backward()
    flat = np.concatenate([p.grad.double().numpy().ravel() for p in model.parameters()])
    model.zero_grad()
    return flat


def cosine(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


def test_gss_fills_an_empty_memory_and_passes_over_the_rest(gss_parts):
    model, images, samples = gss_parts
    memory = GSS().admit(model, part(samples, slice(0, 16)), Memory.empty(10, "reservoir", 0), images, WHERE)
    assert memory.ids.tolist() == sorted(samples.ids[:10].tolist()) and set(memory.scores) == {FIRST_SCORE}


def test_gss_scores_are_largest_cosines_to_memory_gradients(gss_parts):
    model, images, samples = gss_parts
    old, new = part(samples, slice(0, 8)), part(samples, slice(8, 12))
    before = Memory.empty(20, "reservoir", 0).added(old.ids, old.labels, np.full(8, 0.1))
    # One batch as large as the memory: which samples it holds is certain.
    memory = GSS(memory_batch_size=8).admit(model, new, before, images, WHERE)
    past = plain_gradient(model, images, old)
    for id_, label in zip(new.ids, new.labels, strict=True):
        one = plain_gradient(model, images, Labelled(np.array([id_]), np.array([label])))
        assert memory.scores[memory.row_of(np.array([id_]))[0]] == pytest.approx(cosine(one, past), abs=1e-5)
    # As many batches of one as there are samples: the largest of all cosines.
    memory = GSS(memory_batches=8, memory_batch_size=1).admit(model, new, before, images, WHERE)
    single = [plain_gradient(model, images, part(old, slice(i, i + 1))) for i in range(8)]
    one = plain_gradient(model, images, part(new, slice(0, 1)))
    score = memory.scores[memory.row_of(new.ids[:1])[0]]
    assert score == pytest.approx(max(cosine(one, g) for g in single), abs=1e-5)
    assert model.training and all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_gss_batch_replaces_only_when_its_own_cosine_is_below_zero(gss_parts):
    model, images, samples = gss_parts
    full = Memory.empty(8, "reservoir", 0).added(samples.ids[:8], samples.labels[:8], np.full(8, 0.9))
    learner = GSS(memory_batch_size=8)
    past = plain_gradient(model, images, part(samples, slice(0, 8)))
    # One sample a batch, with the true label and with every wrong one: both signs occur.
    signs = Counter()
    for i in range(8, 16):
        for label in range(10):
            new = Labelled(samples.ids[i : i + 1], np.array([label]))
            value = cosine(plain_gradient(model, images, new), past)
            changed = any(
                set(learner.admit(model, new, full, images, (1, 1, 1, step)).ids) != set(full.ids) for step in range(25)
            )
            assert changed == (value < 0), value
            signs[changed] += 1
    assert min(signs.values()) >= 5


def race(scores, new_scores, draws):
    """How often each old sample is replaced, and each new one gets in, one batch a draw."""
    memory = Memory.empty(len(scores), "reservoir", 0)
    memory = memory.added(np.arange(len(scores)), np.zeros(len(scores), np.int64), np.array(scores))
    new = Labelled(np.arange(100, 100 + len(new_scores)), np.ones(len(new_scores), np.int64))
    gone, came = Counter(), Counter()
    for step in range(draws):
        after = GSS(seed=3).replaced(memory, new, np.array(new_scores), (1, 1, 1, step))
        assert len(after) == len(memory) and np.all(np.diff(after.ids) > 0)
        gone.update(set(memory.ids.tolist()) - set(after.ids.tolist()))
        came.update(set(after.ids.tolist()) - set(memory.ids.tolist()))
    return gone, came


def test_gss_victims_are_drawn_by_score_and_swapped_by_odds():
    scores, new, draws = [-0.9, -0.2, 0.4, 1.0], -0.5, 3000
    c = np.array(scores) + 1
    # A victim i is drawn with C_i / ΣC and loses with C_i / (C_i + c).
    lost = c / c.sum() * c / (c + new + 1)
    gone, came = race(scores, [new], draws)
    observed = [gone[i] for i in range(4)] + [draws - came[100]]
    assert chisquare(observed, np.append(lost, 1 - lost.sum()) * draws).pvalue > 1e-3


def test_gss_victims_of_one_batch_are_all_different():
    scores, draws = [-0.5, 0.0, 0.5], 3000
    c = np.array(scores) + 1
    # New samples of cosine −1 always win, so both victims go: the one that stays is the one never drawn.
    pairs = {(i, j): c[i] / c.sum() * c[j] / (c.sum() - c[i]) for i in range(3) for j in range(3) if i != j}
    stays = np.array([sum(p for pair, p in pairs.items() if i not in pair) for i in range(3)])
    gone, came = race(scores, [-1.0, -1.0], draws)
    assert came[100] == came[101] == draws
    assert chisquare([draws - gone[i] for i in range(3)], stays * draws).pvalue > 1e-3
    # More new samples than places: the first of the batch, in its random order.
    assert race(scores, [-1.0] * 5, 3)[1] == {100: 3, 101: 3, 102: 3}


# -- the paper's presets -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("learner", "replay", "with_replay", "old_a_step"),
    [
        ("er", "cycle", 63, 16), ("er", "once", 7, 16), ("er", "paper", 7, 16),
        ("derpp", "once", 7, 16), ("derpp", "paper", 63, 16),
        ("er_ace", "paper", 63, 16), ("gss", "paper", 63, 32), ("gss", "cycle", 63, 16),
        ("finetune", "paper", 0, 0),
    ],
)  # fmt: skip
def test_steps_with_replay_at_a_thousand_labels_and_a_memory_of_a_hundred(learner, replay, with_replay, old_a_step):
    """As counted in the authors' code: ER's loader gives out the memory once an epoch, the others' cycle."""
    config = small_config(learner=learner, replay=replay, memory=100, classes_per_task=10, n_end=100)
    loop = Loop(config, prepare(config))
    new, old = np.arange(1000), np.arange(2000, 2100)
    memory = loop.memory.added(old, np.zeros(100, np.int64)) if learner != "finetune" else loop.memory
    labelled = Labelled(new, np.ones(1000, np.int64))
    training = Training(config, loop.steps, labelled, memory, (2, 1), final=False)
    training.memory = memory
    training._label_of.update(zip(memory.ids.tolist(), memory.labels.tolist(), strict=True))
    training._begin_epoch(0)
    assert training.steps_per_epoch == 63 and len(training._old.ids) == with_replay
    assert {len(batch) for batch in training._old.ids[:6]} <= {old_a_step} and not (
        with_replay and not training._old.ids
    )


def test_the_step_size_falls_by_a_cosine_of_the_epochs_share():
    """Epoch e of E: the angle is π·e/E, as torch's CosineAnnealingLR(T_max=E)."""
    config = small_config(epochs=7, lr=0.01, lr_end=0.001)
    loop = Loop(config, prepare(config))
    labelled = Labelled(np.arange(8), np.ones(8, np.int64))
    training = Training(config, loop.steps, labelled, loop.memory, (1, 0), final=False)
    theirs = torch.optim.SGD(loop.model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=7, eta_min=0.001)
    for epoch in range(7):
        training._begin_epoch(epoch)
        assert training.steps.optimizer.param_groups[0]["lr"] == pytest.approx(schedule.get_last_lr()[0])
        theirs.step()
        schedule.step()


@pytest.mark.parametrize("name", ["er_ace", "derpp", "er"])
def test_balanced_memories_of_the_paper_have_fixed_shares(name):
    config = small_config(learner=name, refill="paper", memory=13, memory_policy="balanced", classes_per_task=2)
    for loop in until_remembered(config):
        classes, counts = loop.memory.classes, Counter(loop.memory.labels.tolist())
        places = {c: 13 // len(classes) + (rank < 13 % len(classes)) for rank, c in enumerate(classes.tolist())}
        assert all(counts[c] <= places[c] for c in places) and set(counts) <= set(places)
    assert preset_config("cifar10-paper-m100", learner=name).refill == "paper"


# -- every learner -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEARNERS)
class TestContract:
    def test_loss_is_a_finite_scalar_with_a_gradient(self, name, gss_parts):
        model, images, samples = gss_parts
        learner = build("learners", name, small_config(learner=name))
        x = images.batch(torch.from_numpy(samples.ids))
        y = torch.from_numpy(samples.labels)
        stored = torch.zeros(8, 10, dtype=x.dtype) if learner.stores_logits else None
        for replayed in (None, Batch(x[:8], y[:8], stored)):
            model.zero_grad()
            value = learner.loss(model, Batch(x[8:], y[8:]), replayed)
            value.backward()
            assert value.shape == () and torch.isfinite(value)
            assert any(p.grad is not None and p.grad.any() for p in model.parameters())
        model.zero_grad(set_to_none=True)

    @pytest.mark.parametrize("size", [10, 13, 500])
    def test_memory_never_exceeds_its_size_and_holds_true_labels(self, name, size, stream):
        config = small_config(learner=name, memory=size, batch_size=4)
        for loop in until_remembered(config):
            memory = loop.memory
            assert len(memory) <= size and np.all(np.diff(memory.ids) > 0)
            assert np.array_equal(memory.labels, stream.labels[memory.ids])
            if "memory" not in plugin("learners", name).settings:
                assert len(memory) == 0
            elif size < 500:
                assert len(memory) == size
            else:
                assert len(memory) == 16 * loop.task
            if loop.learner.memory_policy == "balanced" and size < 500:
                available = Counter(y for event in loop.bought for y in event.labels)
                counts = Counter(memory.labels.tolist())
                fair = [counts[y] for y in counts if counts[y] < available.get(y, size)]
                assert not fair or max(counts.values()) - min(fair) <= 1

    def test_the_run_is_deterministic_and_the_seed_matters(self, name):
        config = small_config(learner=name, batch_size=4)
        first = facts(run_config(config))
        assert facts(run_config(config)) == first
        assert facts(run_config(config.changed(seed=1))) != first


def test_each_learner_is_named_as_in_the_paper():
    assert {name: plugin("learners", name).label for name in ("er", "gss", "derpp", "er_ace")} == {
        "er": "ER",
        "gss": "GSS",
        "derpp": "DER++",
        "er_ace": "ER-ACE",
    }


def test_finetune_forgets_almost_everything_and_every_replay_learner_clearly_less():
    def results(learner):
        # All labels but the first in one round: the last training of a task, which counts, is the same size.
        values = {"learner": learner, "strategy": "uniform", "n_query": 30}
        configs = [preset_config("digits-demo", seed=seed, **values) for seed in range(3)]
        return [next(e for e in run_config(c) if isinstance(e, Finished)).summary for c in configs]

    finetune = results("finetune")
    assert min(one["F"] for one in finetune) > 0.9
    for learner in LEARNERS:
        if "memory" in plugin("learners", learner).settings:
            for one, forgetful in zip(results(learner), finetune, strict=True):
                assert one["F"] < 0.75 and one["A"] > forgetful["A"] + 0.2, learner
