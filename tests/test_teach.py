"""docs/teach.md says what the runs say: its tables are worked out again from assets/lesson/runs.jsonl.

`python -m tests.test_teach` writes them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from app.lesson.chapters.labels import GROUPS
from app.lesson.measured import accuracy, difference, figures, worded

PAGE = Path(__file__).resolve().parent.parent / "docs" / "teach.md"
COLUMNS = ("LA", "forgotten", "A")
STRATEGIES = {"entropy": "Entropy", "badge": "BADGE", "accuacl": "AccuACL"}


def means(name: str, **settings: object) -> str:
    found = figures(**settings)[list(COLUMNS)].mean()
    return f"| {name} | {' | '.join(f'{value:.1f} %' for value in found)} |"


def against(name: str, one: dict[str, object], other: dict[str, object]) -> str:
    a, b = figures(**one), figures(**other)
    return f"| {name} | {' | '.join(worded(difference(a[column], b[column])) for column in COLUMNS)} |"


def spread(after: int, own: bool) -> str:
    found = accuracy(1, after, own=own, memory=0)
    if np.ptp(found) == 0:
        return f"{found.iloc[0]:.0f} % in all {len(found)} runs"
    return f"{found.mean():.0f} % ({found.min():.0f} to {found.max():.0f} %)"


def lines() -> dict[str, str]:
    """Each table of the page by the heading of its first column."""
    return {
        "task 1, fine-tuning": "\n".join(
            f"| after task {after} | {spread(after, False)} | {spread(after, True)} |" for after in (2, 5)
        ),
        "remembered digits": "\n".join(means(str(m), memory=m) for m in (0, 10, 20, 50)),
        "ER, Uniform": "\n".join(means(name, **labels) for name, (labels, _) in GROUPS.items()),
        "DER++, Uniform": "\n".join(means(name, learner="derpp", **labels) for name, (labels, _) in GROUPS.items()),
        "40 labels a task, against Uniform": "\n".join(
            against(label, {"strategy": name}, {}) for name, label in STRATEGIES.items()
        ),
        "AccuACL against Uniform, memory": "\n".join(
            against(str(m), {"strategy": "accuacl", "memory": m}, {"memory": m}) for m in (10, 20, 50)
        ),
        "40 labels by AccuACL against 20 blindly": against("memory 10", {"strategy": "accuacl"}, {"n_end": 20}),
    }


def table(heading: str) -> re.Pattern[str]:
    """Its heading and rule, then its rows."""
    return re.compile(rf"(\| {re.escape(heading)} \|.*\n\|[-|]+\|\n)((?:\|.*\n)*)")


@pytest.mark.parametrize("heading", lines())
def test_the_page_says_what_the_runs_say(heading):
    found = table(heading).search(PAGE.read_text("utf-8"))
    assert found and found[2].rstrip("\n") == lines()[heading]


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    for heading, rows in lines().items():
        text = table(heading).sub(lambda found, rows=rows: f"{found[1]}{rows}\n", text)
    PAGE.write_text(text, "utf-8")
