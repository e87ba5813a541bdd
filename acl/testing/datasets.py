"""The contract of a dataset."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from acl.config import RunConfig, make_config
from acl.events import Finished
from acl.loop import Loop
from acl.plugins.registry import prepare
from acl.testing.small import SMALL


class DatasetContract:
    """name: of the dataset; settings: of its own, and classes_per_task where two classes a task do not fit."""

    name: ClassVar[str] = ""
    settings: ClassVar[dict[str, Any]] = {}

    def config(self) -> RunConfig:
        """The settings of a small run on this dataset."""
        return make_config({"dataset": self.name, **SMALL, "classes_per_task": 2, **self.settings})

    def test_images_are_bytes_and_each_has_a_class_with_a_name(self) -> None:
        stream = prepare(self.config())
        assert stream.images.dtype == np.uint8 and stream.images.ndim == 4 and stream.images.shape[3] in (1, 3)
        assert len(stream.images) == len(stream.labels)
        assert 0 <= stream.labels.min() and stream.labels.max() < stream.n_classes == len(stream.class_names)

    def test_each_sample_is_in_one_task_at_most_and_never_both_learned_and_tested(self) -> None:
        stream = prepare(self.config())
        ids = [each.tolist() for task in stream.tasks for each in (task.train_ids, task.test_ids)]
        flat = [i for each in ids for i in each]
        assert all(ids) and len(flat) == len(set(flat))

    def test_a_task_holds_its_own_classes(self) -> None:
        stream = prepare(self.config())
        for task in stream.tasks:
            for each in (task.train_ids, task.test_ids):
                assert set(stream.labels[each].tolist()) <= set(task.classes)

    def test_is_the_same_each_time(self) -> None:
        one, other = prepare(self.config()), prepare(self.config())
        assert np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)

    def test_a_run_on_it_reaches_its_end(self) -> None:
        assert isinstance(list(Loop(self.config()))[-1], Finished)
