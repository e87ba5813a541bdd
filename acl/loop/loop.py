"""Loop: from one stage to the next, a small piece of work at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

from jaxtyping import Float
from torch import Tensor

from acl.config import FULL, UserError
from acl.events import Bought, Evaluated, Event, History, Position, Steered
from acl.loop import annotator, budget, evaluation, resuming
from acl.loop.stages import STAGES, Row, advance
from acl.loop.state import State
from acl.network.predictions import Predictions
from acl.plugins.contradictions import refuse_contradictions
from acl.plugins.registry import build
from acl.steering import Choice, steered


class Loop(State):
    """One run. `step()` does the next small piece of work and says so if a fact came of it; running is a loop around
    it. Iterated, it runs to its end and yields its events: `for event in Loop(config): ...`.
    """

    def __iter__(self) -> Iterator[Event]:
        while not self.done:
            if (event := self.step()) is not None:
                yield event

    def step(self) -> Event | None:
        """The next piece of work: a minibatch, a chunk of a forward pass, or a whole short stage."""
        if self.again:
            if self.again[0](self):
                del self.again[0]
            return None
        event = STAGES[self.stage].work(self)
        if event is not None:
            advance(self, event)
        return event

    # -- where it stands -------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether the run is at its end."""
        return self.stage == "done"

    @property
    def _row(self) -> Row:
        """Of the next stage; a run at its end is still said to be in its last one."""
        return STAGES["finish" if self.done else self.stage]

    @property
    def next_phase(self) -> Position:
        """The phase the next step belongs to (the memory update counts as evaluation)."""
        phase = self._row.phase
        return Position.at(self.task, self.round, "buy" if phase == "score" and self.round == 0 else phase)

    @property
    def before_query(self) -> bool:
        """Whether the next step begins a query (or a task): here a run may be steered."""
        fresh = self.query is None or self.query.selection is not None
        return not self.again and ((self.stage == "score" and fresh) or (self.stage == "buy" and self.round == 0))

    @property
    def progress(self) -> float:
        """Share of all training steps of the run that are done, 0..1."""
        if self.done:
            return 1.0
        trained = self._row.phase == "evaluate"
        running = self.training.n_done if self.training and not self.again else 0
        return budget.share_done(self, self.round + trained, running)

    @property
    def images_per_s(self) -> float | None:
        """Throughput of the training under way; None outside one."""
        return self.training.n_images / self.train_seconds if self.training and self.train_seconds else None

    @property
    def rounds(self) -> int:
        """Query rounds the current task will have, as things stand."""
        return len(budget.planned(self, self.current)) - 1

    @property
    def last_round(self) -> bool:
        """Whether the current round spends the task's budget."""
        return budget.spent_by_this_round(self)

    @property
    def n_wanted(self) -> int:
        """Labels the current round buys; 0 where the budget was cut to less than is labelled."""
        return budget.wanted(self)

    @property
    def rest(self) -> int:
        """Labels that the current task may still buy."""
        return budget.rest(self)

    # -- led by hand -----------------------------------------------------------------------------------

    def steer(self, changes: Mapping[str, Any]) -> Steered:
        """Change settings from here on; only `before_query`. UserError for what cannot be changed here."""
        if not self.before_query:
            raise UserError("Settings can be changed only between two queries.")
        changed = steered(self.config, changes, self.stage == "buy")
        refuse_contradictions(changed, self.stream)
        if changed.strategy != FULL:
            build("strategies", changed.strategy, changed)
        event = Steered(self.task, self.round, dict(changes))
        advance(self, event)
        return event

    def check(self, choice: Choice) -> None:
        """UserError where a human's choice cannot be bought in the current query."""
        annotator.check(self, choice)

    def labels_of(self, ids: list[int]) -> list[int]:
        """What the annotator says of these samples."""
        return annotator.labels_of(self, ids)

    # -- taken up again, and gone on with elsewhere ----------------------------------------------------

    def base_state(self) -> dict[str, Tensor]:
        """The model and the memory table at the start of the current task, as named tensors."""
        return resuming.base_state(self)

    def restore(self, history: History, base: Mapping[str, Tensor]) -> None:
        """Take a new loop to where `history` ends; `base` is the base_state of the task it ends in. UserError where
        they are not of this run."""
        resuming.restore(self, history, base)

    def branch(self, bought: Bought, repeat: int = 0) -> Loop:
        """A loop that goes on from this query as if `bought` had been bought in it; this one stays where it is.

        repeat: which of the orders that the seed gives every training from here on has; 0 are the run's own. Both loops
        work with one network, which every training starts anew from the task's base: let one of them finish a training
        before the other goes on.
        """
        other = copy(self)
        other.bought, other.evaluated, other.again = list(self.bought), list(self.evaluated), []
        other.counts = {task: list(counts) for task, counts in self.counts.items()}
        other.query = other.training = other.choice = other.inference = None
        other.repeat = repeat
        advance(other, bought)
        return other

    # -- another network in its place ------------------------------------------------------------------

    def predicted(self, logits: Float[Tensor, "test n_classes"]) -> Predictions:
        """What a network that gives the `test_ids` these logits calls them."""
        return evaluation.predicted(self, logits)

    def evaluation(self, logits: Float[Tensor, "test n_classes"]) -> Evaluated:
        """The fact that a network which gives the `test_ids` these logits comes to."""
        return evaluation.evaluation(self, logits)
