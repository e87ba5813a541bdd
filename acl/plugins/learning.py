"""The one place where a learner is called: its losses and memories are checked before the run goes on with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Any, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from acl.config import RunConfig
from acl.learners.base import Base, Batch
from acl.memory import STORED, Labelled, Memory
from acl.network.images import Images
from acl.network.models import Network
from acl.plugins.blame import PluginError, blamed, fault, kind_of
from acl.plugins.registry import build, plugin

ALLOWED = {name: get_args(RunConfig.model_fields[name].annotation) for name in ("memory_policy", "refill")}


class Learner(Base):
    """The learner of `config`, called as every learner is. What it raises or answers wrongly is a PluginError."""

    def __init__(self, config: RunConfig) -> None:
        self.plugin, self.own = plugin("learners", config.learner), build("learners", config.learner, config)
        with blamed(self.plugin, type(self.own)):
            for name in (*ALLOWED, "stores_logits"):
                setattr(self, name, getattr(self.own, name))
        for name, allowed in ALLOWED.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                raise self._fault(f"has the {name} {value!r}, it must be one of {', '.join(allowed)}")
        if not isinstance(self.stores_logits, bool):
            raise self._fault(f"has stores_logits={self.stores_logits!r}, it must be True or False")

    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        # A plug-in that turned gradients off, at its import or in a query, is no fault of the learner's.
        with self._blamed("loss"), torch.enable_grad():
            loss = self.own.loss(model, current, replayed)
        # The value is looked at once an epoch: asking a GPU for it would make every step wait.
        if not isinstance(loss, Tensor) or loss.ndim or not loss.is_floating_point() or not loss.requires_grad:
            without = " without a gradient" if isinstance(loss, Tensor) and not loss.requires_grad else ""
            said = f"returned a loss that is {kind_of(loss)}{without}, it must be one real number with a gradient"
            raise self._fault(said, "loss")
        return loss

    def backward(self, loss: Float[Tensor, ""], model: nn.Module) -> None:
        """The gradient of the loss in the weights of `model`, which had none."""
        with self._blamed("loss"):
            loss.backward()  # type: ignore[no-untyped-call]
        if all(weight.grad is None for weight in model.parameters()):
            raise self._fault("returned a loss that no weight of the network has a part in", "loss")

    def check_network(self, model: nn.Module, before: Mapping[str, Tensor]) -> None:
        """After a training: its values are other ones, but the network is the one that `before` is of."""
        with self._blamed("loss"):
            after = {name: kind_of(value) for name, value in model.state_dict().items()}
        there = {name: kind_of(value) for name, value in before.items()}
        for name in sorted(after.keys() | there.keys()):
            if after.get(name) != there.get(name):
                changed = f"{name} is {after.get(name, 'gone')}, it was {there.get(name, 'not there')}"
                raise self._fault(f"changed more of the network than its values: {changed}", "loss")

    def check_first(self, loss: float, task: int, round_: int) -> None:
        """The loss of a training's first step. Ours are numbers wherever the network's outputs are."""
        if not self.plugin.ours and not math.isfinite(loss):
            at = f"the first step of task {task}, round {round_}"
            raise self._fault(f"returned the loss {loss} at {at}, before anything was learned from it", "loss")

    @property
    def or_mend_it(self) -> str:
        """What else may be done about a training that diverged."""
        return "" if self.plugin.ours else f", or mend the loss of the learner '{self.plugin.name}'"

    def replay_plan(self, replay: str, size: int) -> tuple[str, int]:
        with self._blamed("replay_plan"):
            plan, size = self.own.replay_plan(replay, size)
        if not isinstance(plan, str) or plan not in {"cycle", "once"} or not isinstance(size, int) or size < 1:
            raise self._fault(f"returned {plan!r}, {size!r} from replay_plan, it must be cycle or once, and 1 or more",
                              "replay_plan")  # fmt: skip
        return plan, size

    def replay_memory(self, memory: Memory, labelled: Labelled) -> Memory:
        return self._remembered("replay_memory", memory, labelled, lambda own, kept, new: own.replay_memory(kept, new))

    def admit(
        self, model: Network, batch: Labelled, memory: Memory, images: Images, where: tuple[int, int, int, int]
    ) -> Memory:
        return self._remembered(
            "admit", memory, batch, lambda own, kept, new: own.admit(model, new, kept, images, where)
        )

    def cut(self, memory: Memory) -> Memory:
        if len(memory) <= memory.size:
            return memory
        nobody = Labelled(memory.ids[:0], memory.labels[:0])
        return self._remembered("cut", memory, nobody, lambda own, kept, new: own.cut(kept))

    def remember(self, memory: Memory, labelled: Labelled) -> Memory:
        return self._remembered("remember", memory, labelled, lambda own, kept, new: own.remember(kept, new))

    def _remembered(
        self, method: str, memory: Memory, new: Labelled, call: Callable[[Base, Memory, Labelled], Memory]
    ) -> Memory:
        # Of others nobody knows whether they leave as it is what they are given.
        given = (memory, new) if self.plugin.ours else deepcopy((memory, new))
        with self._blamed(method):
            answer = call(self.own, *given)
            wrong = "" if answer is memory and len(memory) <= memory.size else next(_wrong(answer, memory, new), "")
        if wrong:
            raise self._fault(f"returned from {method} {wrong}", method)
        return answer

    def _blamed(self, method: str) -> AbstractContextManager[None]:
        return blamed(self.plugin, getattr(self.own, method), type(self.own))

    def _fault(self, said: str, method: str = "") -> PluginError:
        where = [getattr(self.own, method)] if method else []
        return fault(self.plugin, said, *where, type(self.own))


def _wrong(answer: Any, memory: Memory, new: Labelled) -> Iterator[str]:
    """What is wrong with a memory made of `memory` and `new`, each time what all that follows relies on."""
    if not isinstance(answer, Memory):
        yield f"no Memory but {kind_of(answer)}"
    if (answer.size, answer.policy, answer.seed) != (memory.size, memory.policy, memory.seed):
        yield "a memory of another size, policy or seed"
    n = len(answer.ids)
    for name in STORED:
        column, like = getattr(answer, name), getattr(memory, name)
        wanted = f"{like.dtype} {[n, *like.shape[1:]]}"
        if not isinstance(column, ndarray) or kind_of(column) != wanted:
            yield f"a memory whose {name} are {kind_of(column)}, they must be {wanted}"
    if n > memory.size:
        yield f"a memory of {n} samples, it holds at most {memory.size}"
    if (np.diff(answer.ids) <= 0).any():
        yield "a memory whose ids are not different and in order"
    yield from _wrong_rows(answer, memory, new)
    if not set(answer.labels) <= set(answer.classes) <= {*memory.classes, *new.labels}:
        yield "a memory whose classes are not those of which a label was bought"


def _wrong_rows(answer: Memory, memory: Memory, new: Labelled) -> Iterator[str]:
    """Each sample was remembered or is new, with the label it was given."""
    given = dict(
        zip([*memory.ids.tolist(), *new.ids.tolist()], [*memory.labels.tolist(), *new.labels.tolist()], strict=True)
    )
    for id_, label in zip(answer.ids.tolist(), answer.labels.tolist(), strict=True):
        if id_ not in given:
            yield f"a memory with sample {id_}, which was neither in it nor just labelled"
        elif label != given[id_]:
            yield f"a memory with the label {label} for sample {id_}, which was given {given[id_]}"
