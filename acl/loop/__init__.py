"""The active continual learning loop: the one place where stream, model, strategy, learner and memory meet.

For each task: keep the model as the task's base; label n_start samples at random; train; then, until n_end
labels are spent: score the pool, choose, label, go back to the base and train on everything labelled in
this task, with replay; update the memory; evaluate on every task seen (AccuACL, algorithm 1, as in the
authors' code).

To be read in this order: `state`, where a run stands, its stream and its model; `stages`, the table of what it does and
what follows; the work itself: `scoring`, `annotator` and `budget`, `learning`, `remembering`, `evaluation`; `loop`,
which goes from one to the next; `resuming`, which takes a run up again.
"""

from acl.loop.loop import Loop
from acl.loop.state import Query, Stage

__all__ = ["Loop", "Query", "Stage"]
