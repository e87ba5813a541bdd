"""One colour for each task, the same on every page and in every file that is written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

# Old tasks cool and dark, new tasks warm and light, within what light and dark backgrounds can show.
RAMP = ("#4F63DB", "#8E55C6", "#C9508F", "#E0672F", "#C08800")


def task_colours(n_tasks: int) -> list[str]:
    """One colour for each task, oldest first, evenly along the ramp."""
    if n_tasks == 1:
        return [RAMP[-1]]
    return [along(index / (n_tasks - 1)) for index in range(n_tasks)]


def along(share: float, ramp: Sequence[str] = RAMP) -> str:
    """The colour at `share`, 0..1, of the way through the ramp."""
    steps = list(pairwise(ramp))
    place = min(int(share * len(steps)), len(steps) - 1)
    rest = share * len(steps) - place
    start, end = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in steps[place])
    return "#" + "".join(f"{round(a + (b - a) * rest):02X}" for a, b in zip(start, end, strict=True))
