"""What chapter 5 says, worded for what came out: also where it contradicts the story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from app.charts.written import number, percent, signed, whole_percent
from app.lesson.measured import Difference, difference, worded

BOUGHT = "bought"
NAMES = {"LA": "learned", "forgotten": "forgotten", "A": "kept"}


def differences(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, Difference]:
    """AccuACL's figures minus Uniform's (app.lesson.measured.figures), paired by seed, by the names of NAMES."""
    return {name: difference(one[name], other[name]) for name in NAMES}


# -- 1: the trade --------------------------------------------------------------------------------------


def question(found: Mapping[str, Difference]) -> str:
    """Asked of the student; its figures are those measured."""
    learned, forgotten = found["LA"], found["forgotten"]
    gives, gets = _points(learned), _points(forgotten)
    if learned.sign < 0 and forgotten.sign < 0:
        return f"Would you give {gives} of the new to forget {gets} less of the old?"
    if forgotten.sign < 0:
        return f"It forgets {gets} less of the old, and what it gives of the new is no more than noise. Any objection?"
    if learned.sign < 0:
        return f"Would you give {gives} of the new, and forget no less of the old than chance would have it?"
    return "Nothing of the new is given and nothing of the old is saved that chance could not explain. Why bother?"


def trade(found: Mapping[str, Difference]) -> str:
    said = ", ".join(f"{name} {worded(found[key])}" for key, name in NAMES.items())
    verdict = {
        1: "All in all it keeps more.",
        -1: "All in all it keeps less: the price is higher than what it buys.",
        0: "All in all what it keeps differs by no more than noise.",
    }[found["A"].sign]
    return f"AccuACL against Uniform, {_seeds(found['A'])}, ± standard error: {said}. {verdict}"


# -- 2 and 3: the two scores ---------------------------------------------------------------------------


def fate(passed: bool, picked: bool) -> str:
    """What becomes of a sample."""
    return BOUGHT if picked else "out by M" if passed else "out by D"


def four(fates: Mapping[str, str]) -> str:
    """fates: what became of each of the four samples, by what it is."""

    def those(fate: str) -> list[str]:
        return [f"the {name} one" for name, what in fates.items() if what == fate]

    bought, lost = those(BOUGHT), {score: those(f"out by {score}") for score in ("D", "M")}
    said = f"Of these four AccuACL buys {_listed(bought)}" if bought else "AccuACL buys none of these four"
    cuts = {"D": "the cut by distribution comes first and takes out", "M": "of those left magnitude decides against"}
    reasons = [f"{cuts[score]} {_listed(names)}" for score, names in lost.items() if names]
    return f"{said}{': ' if reasons else ''}{'; '.join(reasons)}. One query of one run."


def alone(picks: Mapping[str, Sequence[int]], rank_m: Mapping[int, int], rank_d: Mapping[int, int]) -> str:
    """picks: by "D alone", "both", "M alone", the ids; ranks of every sample of the pool."""
    n, pool = len(picks["both"]), len(rank_m)
    by_d = _median([rank_m[i] for i in picks["D alone"]])
    by_m = _median([rank_d[i] for i in picks["M alone"]])
    shared = {by: len(set(picks["both"]) & set(picks[by])) for by in ("D alone", "M alone")}
    return (
        f"D alone buys digits that are, in the median, at place {by_d:.0f} of {pool} by magnitude; M alone, digits at "
        f"place {by_m:.0f} by distribution. Both together share {shared['D alone']} of {n} picks with D alone and "
        f"{shared['M alone']} with M alone. One query of one run."
    )


def past_share(target: np.ndarray, classes: Sequence[str], new: Sequence[str]) -> str:
    """target: what is needed, shares of each kept entry; classes: of each entry; new: those of the query's task."""
    old = [name not in new for name in classes]
    return (
        f"Classes of past tasks have {whole_percent(100 * float(target[old].sum()))} of what is needed: of what the "
        "network is sure there is little Fisher information."
    )


# -- 4: memory -----------------------------------------------------------------------------------------


def over_memory(gains: Mapping[int, pd.Series]) -> str:
    """gains: what AccuACL keeps more than Uniform, by seed, for each number of remembered samples."""
    kept = _by_memory(gains)
    noise = [str(size) for size, found in kept.items() if not found.sign]
    said = [
        f"with {size} remembered digits AccuACL keeps {worded(found)}" for size, found in kept.items() if found.sign
    ]
    if noise:
        said.insert(0, f"with {_listed(noise)} remembered digits the difference may be chance")
    text = f"{'; '.join(said)}. {_growth(gains)}"
    return text[0].upper() + text[1:]


def when_it_pays(gains: Mapping[int, pd.Series], at_zero: pd.Series) -> str:
    """The whole chapter in a few sentences. at_zero: by seed, what is kept more than by Uniform at λ = 0, with the
    fewest remembered samples of `gains`, which are of the usual λ."""
    kept = _by_memory(gains)
    pays, costs = ([str(size) for size, found in kept.items() if found.sign == sign] for sign in (1, -1))
    best = max(kept, key=lambda size: kept[size].mean)
    said = [f"**When does it pay?** {_growth(gains)}"]
    if pays:
        said.append(f"It pays with {_listed(pays)} remembered digits.")
    elif kept[best].mean > 0:
        most = f"{kept[best].mean:.1f} ± {kept[best].error:.1f} points more"
        said.append(f"But with the usual λ, even with {best} remembered digits {most} may be chance.")
    alone, past = difference(at_zero, 0 * at_zero), difference(gains[min(gains)], at_zero)
    if not pays and alone.sign > 0:
        said.append(
            f"With {min(gains)} and at λ = 0, where the past has no weight, it keeps {worded(alone)}, beyond noise."
        )
        said.append("" if past.sign else "So what helps here is not the weight on the past.")
    if costs:
        said.append(f"With {_listed(costs)} remembered digits blind choice keeps more.")
    return " ".join(filter(None, said))


def _by_memory(gains: Mapping[int, pd.Series]) -> dict[int, Difference]:
    return {size: difference(gains[size], 0 * gains[size]) for size in sorted(gains)}


def _change(gains: Mapping[int, pd.Series]) -> Difference:
    """Of what AccuACL keeps more, from the largest memory to the smallest."""
    return difference(gains[min(gains)], gains[max(gains)])


def _growth(gains: Mapping[int, pd.Series]) -> str:
    """Whether the size of the memory matters at all."""
    change, fewest, most = _change(gains), min(gains), max(gains)
    if not change.sign:
        return f"From {most} to {fewest} remembered digits its lead changes by no more than noise."
    scarce = "less" if change.sign > 0 else "more"
    return (
        f"The {scarce} is remembered, the better it does against blind choice: between {fewest} and {most} by "
        f"{abs(change.mean):.1f} ± {change.error:.1f} points, beyond noise."
    )


# -- 5: λ ----------------------------------------------------------------------------------------------


def over_lambda(kept: Mapping[float, pd.Series], auto: pd.Series, uniform: pd.Series) -> str:
    """kept: A by seed for each λ; auto: with the λ of the paper, Uniform beside it."""
    means = {weight: float(by_seed.mean()) for weight, by_seed in sorted(kept.items())}
    effect, at_zero = difference(auto, uniform), difference(kept[0.0], uniform)
    best = max(means, key=means.__getitem__)
    said = f"As λ grows, what is kept {_course(list(means.values()))}"
    if best > 0:
        said += f"; most is kept at λ = {best:g}, compared with λ = 0 {worded(difference(kept[best], kept[0.0]))}"
    said += f". Against Uniform: at λ = 0, where the past has no weight, {worded(at_zero)}; "
    said += f"with the usual λ {worded(effect)}"
    if at_zero.sign > 0 and not effect.sign:
        mean = "as high on average, but" if effect.mean >= at_zero.mean else "lower, and"
        said += f": {mean} less alike from run to run" if effect.error > at_zero.error else ""
    return f"{said}."


def _course(means: Sequence[float]) -> str:
    steps = [b - a for a, b in pairwise(means)]
    if all(step >= 0 for step in steps):
        return "rises"
    return "falls" if all(step <= 0 for step in steps) else "goes up and down"


# -- 6: can you beat that? -----------------------------------------------------------------------------


def challenge(found: Difference) -> str:
    """found: what half the labels keep, bought blindly, minus what AccuACL keeps with all of its."""
    did = {-1: "worse", 0: "as well", 1: "better"}[found.sign]
    ask = "Choosing paid. Can you choose better still?" if found.sign < 0 else "Can you beat that?"
    return f"Half the labels, bought blindly, did {did} here ({signed(found.mean)} ± {found.error:.1f} points). {ask}"


def half(by_half: pd.Series, by_all: pd.Series, labels: int) -> str:
    """Behind it: what Uniform keeps with so many labels a task, and AccuACL with all of its, by seed."""
    found = difference(by_half, by_all)
    return (
        f"Uniform with {labels} labels a task keeps {_mean(by_half)}, AccuACL with 40 {_mean(by_all)} (± standard "
        f"error); the difference, {_seeds(found)}: {worded(found)}."
    )


def _mean(by_seed: pd.Series) -> str:
    values = by_seed.to_numpy(float)
    return f"{number(values.mean())} ± {percent(values.std(ddof=1) / len(values) ** 0.5)}"


# -- small words ---------------------------------------------------------------------------------------


def _points(found: Difference) -> str:
    return f"{abs(found.mean):.1f} points"


def _seeds(found: Difference) -> str:
    return f"over {found.n} pairs of runs"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _median(values: Sequence[int]) -> float:
    return float(pd.Series(values).median())
