"""What a choice did, in sentences: every figure as a share of blind choices, and called noise where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from acl.metrics import Matrix, average_accuracy, learning_accuracy
from app import words
from app.charts.written import percent
from app.lesson.choosing.shipped import TRAITS, Shipped
from app.lesson.measured import Difference, difference, worded

USUAL = (2.5, 97.5)
"""Between these percentiles of blind choices a choice is called one of them."""
YOURS = "yours"


def percentile(value: float, blind: Sequence[float] | pd.Series) -> float:
    """The share of blind choices with less, in percent; ties count half."""
    others = np.asarray(blind, dtype=np.float64)
    return float(100 * ((others < value).mean() + (others == value).mean() / 2))


def is_usual(percent: float) -> bool:
    return USUAL[0] <= percent <= USUAL[1]


def share(percent: float) -> str:
    """Never rounded to all or none where it is neither."""
    if percent in {0.0, 100.0}:
        return "all" if percent else "none"
    return f"{min(max(round(percent), 1), 99)} %"


def whose(name: str) -> str:
    """ "Your ten", "Entropy's ten"."""
    return "Your ten" if name == YOURS else f"{words.strategy(name)}'s ten"


# -- bought --------------------------------------------------------------------------------------------


def effect(found: Shipped, mine: tuple[float, float]) -> str:
    """What the student's ten did, and beside it the strategies'."""
    blind = found.blind()
    own = f"**{_effect('Your ten', *mine, blind)}**"
    new, past = mine
    return (
        f"{own}: the network is now {percent(new)} sure of a new digit's true name, and {percent(past)} of an old "
        f"one's. {_best(found.strategies(), blind)}"
    )


def _best(strategies: pd.DataFrame, blind: pd.DataFrame) -> str:
    """Which strategy's ten teach most of the new, and which keep most of the old."""
    best = {side: strategies.iloc[int(strategies[side].argmax())] for side in ("new", "past")}
    more = {side: share(percentile(row[side], blind[side])) for side, row in best.items()}
    first, second = (words.strategy(str(row["name"])) for row in best.values())
    also = "and" if first == second else f"{second}'s"
    return (
        f"Of the strategies' tens, {first}'s teach most of the new (more than {more['new']}), {also} keep most of the "
        f"old (more than {more['past']})."
    )


def _effect(who: str, new: float, past: float, blind: pd.DataFrame) -> str:
    learned, kept = (percentile(value, blind[side]) for side, value in (("new", new), ("past", past)))
    return f"{who} teach {_than(learned, 'new')} of {len(blind)} blind choices do, and keep {_than(kept, 'old')}"


def _than(percent: float, what: str) -> str:
    return f"more of the {what} than {share(percent)}" if percent else f"less of the {what} than all"


# -- why -----------------------------------------------------------------------------------------------

MORE_LESS = {
    "loss": ("harder for the network (higher loss)", "easier for the network (lower loss)"),
    "distance": ("farther from the memory", "nearer to the memory"),
    "product": ("less against the memory", "more against the memory"),
}
"""What a mean above and below that of blind choices is called."""


def why(found: Shipped, name: str, ids: Sequence[int]) -> str:
    """How a set differs from blind choices in each of TRAITS."""
    blind, mine = found.blind(), found.traits(ids)
    special, noise = [], []
    for trait in TRAITS:
        percent = percentile(mine[trait], blind[trait])
        more = percent >= 50
        called = MORE_LESS[trait][0 if more else 1]
        if is_usual(percent):
            noise.append(f"{called} than {share(percent if more else 100 - percent)}")
        else:
            special.append(f"{called} than {share(percent if more else 100 - percent)}")
    said = f"{whose(name)}, against {len(blind)} blind choices: "
    said += f"**{_joined(special)}**" if special else ""
    if noise:
        said += ("; " if special else "") + f"within noise: {_joined(noise)}"
    return f"{said}. {_counts(found, ids)} {_signs(found)}"


def _counts(found: Shipped, ids: Sequence[int]) -> str:
    """How many of each class, of all that there are."""
    labels = found.candidates["label"]
    there, mine = labels.value_counts(), labels.loc[list(ids)].value_counts()
    each = [f"{mine.get(label, 0)} of the {n} pictures of a {label}" for label, n in there.sort_index().items()]
    if len(mine) == 1 < len(ids):
        return f"**All of them are a {mine.index[0]}**: {_joined(each)}."
    return f"They are {_joined(each)}."


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _signs(found: Shipped) -> str:
    """How many of all candidates work against the memory at all."""
    against, n = int((found.candidates["product"] < 0).sum()), len(found.candidates)
    if against == n:
        spread = round(_spread(found))
        worst = f": the worst {spread} times as strongly as the median" if spread > 1 else ""
        return f"All {n} digits work against the memory{worst}."
    if not against:
        return f"None of the {n} digits works against the memory."
    return f"{against} of the {n} digits work against the memory."


def _spread(found: Shipped) -> float:
    """The strongest product against the memory over the middle one."""
    sizes = found.candidates["product"].abs()
    return float(sizes.max() / sizes.median())


# -- one task later ------------------------------------------------------------------------------------


def later(found: Shipped) -> str:
    """Who still knows this task after the next."""
    blind = found.blind("next")["known"]
    known = found.strategies("next").set_index("name")["known"].sort_values(ascending=False)
    percents = {str(name): percentile(value, blind) for name, value in known.items()}
    groups = {
        "longer": [name for name, percent in percents.items() if percent > USUAL[1]],
        "less long": [name for name, percent in percents.items() if percent < USUAL[0]],
        "": [name for name, percent in percents.items() if is_usual(percent)],
    }
    said = []
    for than, names in groups.items():
        if names:
            values = _joined([f"{words.strategy(name)} ({percent(known[name])})" for name in names])
            more = f"what {values} chose is known **{than}** than what blind choices did"
            said.append(more if than else f"{values}: within noise")
    return (
        f"Of sixes and sevens alone, blind choices leave {percent(blind.mean())} ± {blind.std():.1f} known after the "
        f"next task: {'; '.join(said)}."
    )


# -- over seeds ----------------------------------------------------------------------------------------

Groups = Mapping[str, Mapping[int, Matrix]]
"""Of "entropy" and "uniform" the accuracy matrices R by seed."""


def in_one_task(runs: Groups) -> str:
    """runs: of all classes in one task."""
    learned = _apart(runs, lambda r: learning_accuracy(r, len(r)))
    if not learned.sign:
        return f"All ten digits in one task: what Entropy learns more than Uniform is {worded(learned)}."
    return f"All ten digits in one task: Entropy learns {worded(learned)} than Uniform (means of {learned.n} runs)."


def in_a_stream(runs: Groups) -> str:
    """runs: of the tasks one after another."""
    kept = _apart(runs, lambda r: average_accuracy(r, len(r)))
    forgot = _apart(runs, lambda r: learning_accuracy(r, len(r)) - average_accuracy(r, len(r)))
    return f"**Old digits and new, in {kept.n} whole runs: {_verb('keeps', kept)}; {_verb('forgets', forgot)}.**"


def _verb(verb: str, found: Difference) -> str:
    if found.sign:
        return f"Entropy {verb} {worded(found)} than Uniform"
    return f"what Entropy {verb} more than Uniform is {worded(found)}"


def _apart(groups: Groups, figure: Callable[[Matrix], float]) -> Difference:
    of = {name: {seed: 100 * figure(r) for seed, r in runs.items()} for name, runs in groups.items()}
    return difference(of["entropy"], of["uniform"])
