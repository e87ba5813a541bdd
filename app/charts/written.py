"""How numbers are written, on every page: with a true minus, and never rounded to all or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real

import pandas as pd
from pandas.io.formats.style import Styler

MINUS = "−"
ROUNDING = 1e-9
"""Of a mean: nearer to 0 or 100 than that, it is as much."""


def number(value: float, decimals: int = 1) -> str:
    """E.g. "−1.2"; "0.0" has no sign."""
    rounded = round(value, decimals)
    return f"{MINUS if rounded < 0 else ''}{abs(rounded):,.{decimals}f}"


def signed(value: float, decimals: int = 1) -> str:
    """A difference: "+1.2", "−1.2", "±0.0"."""
    rounded = round(value, decimals)
    return f"{'+' if rounded > 0 else MINUS if rounded < 0 else '±'}{abs(rounded):,.{decimals}f}"


def percent(value: float, decimals: int = 1) -> str:
    """`value` (in percent) with its unit. What is neither 0 nor 100 is not written as if it were: it gets one decimal
    more ("99.6 %" instead of "100 %"), and if that is not enough a bound (">99.9 %")."""
    for digits in (decimals, decimals + 1):
        if not _looks_like_an_end(value, digits):
            return f"{number(value, digits)} %"
    step = 10.0**-digits
    if abs(value) < step:
        return f"{'<' if value > 0 else '>'}{number(math.copysign(step, value), digits)} %"
    return f"{'>' if value < 100 else '<'}{number(100 - math.copysign(step, 100 - value), digits)} %"


def _looks_like_an_end(value: float, decimals: int) -> bool:
    rounded = round(value, decimals)
    return any(rounded == end and abs(value - end) > ROUNDING for end in (0.0, 100.0))


def whole_percent(value: float) -> str:
    return percent(value, 0)


def table(frame: pd.DataFrame, how: Mapping[str, Callable[[float], str]]) -> Styler:
    """A table whose columns are written so, as far as it has them; they are sorted as the numbers that they are."""
    # Left to itself a Styler writes every other float with six decimals.
    others = dict.fromkeys(frame.select_dtypes("float"), "{:.10g}".format)
    found = others | {name: how[name] for name in how if name in frame}
    return frame.style.format({name: _or_dash(said) for name, said in found.items()})


def _or_dash(said: Callable[[float], str]) -> Callable[[object], str]:
    return lambda value: said(float(value)) if isinstance(value, Real) and not math.isnan(value) else "–"
