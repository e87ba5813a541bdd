"""The contract of a learner (CL method)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from acl.events import Bought, Event, Finished, Remembered, Trained
from acl.testing.small import SMALL, events, summary


class LearnerContract:
    """name: of the learner; settings: of its own, for the runs."""

    name: ClassVar[str] = ""
    settings: ClassVar[dict[str, Any]] = {}

    def run(self, **changes: Any) -> list[Event]:
        """The events of a small run with this learner and uniform queries; changes: settings by name."""
        return events(learner=self.name, strategy="uniform", **{**self.settings, **changes})

    def test_a_run_reaches_its_end_with_a_finite_loss(self) -> None:
        found = self.run()
        assert isinstance(found[-1], Finished)
        assert all(np.isfinite(event.loss) for event in found if isinstance(event, Trained))

    def test_the_memory_holds_no_more_than_it_may_and_what_was_labelled(self) -> None:
        labelled: set[int] = set()
        for event in self.run():
            if isinstance(event, Bought):
                labelled |= set(event.ids)
            elif isinstance(event, Remembered):
                assert len(event.ids) <= SMALL["memory"] and set(event.ids) <= labelled

    def test_the_same_settings_give_the_same_run_and_another_seed_another(self) -> None:
        assert summary(self.run()) == summary(self.run())
        assert summary(self.run()) != summary(self.run(seed=1))

    def test_learns_something(self) -> None:
        """More than half of the test samples of a task of two classes, right after it."""
        found = self.run(classes_per_task=2, epochs=50, n_start=20, n_query=20, n_end=40)
        assert summary(found)["LA"] > 0.5
