"""What every strategy, learner and dataset must keep to, as classes that a plug-in's author subclasses:

    from acl.testing import StrategyContract

    class TestMargin(StrategyContract):
        name = "margin"  # of its entry point

pytest runs the methods. Each class checks what a run relies on, on small made-up queries and on the embedded digits;
what a plug-in decides beyond that is its own to test.
"""

from acl.testing.datasets import DatasetContract
from acl.testing.learners import LearnerContract
from acl.testing.strategies import StrategyContract

__all__ = ["DatasetContract", "LearnerContract", "StrategyContract"]
