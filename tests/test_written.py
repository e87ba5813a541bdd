"""How numbers are written: with a true minus, never rounded to all or nothing; and every page has it from there."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from app.charts import written
from tests.house import ROOT

SAID = {
    0.0: ("0 %", "0.0 %"),
    100.0: ("100 %", "100.0 %"),
    99.6: ("99.6 %", "99.6 %"),
    99.96: (">99.9 %", "99.96 %"),
    99.997: (">99.9 %", ">99.99 %"),
    0.3: ("0.3 %", "0.3 %"),
    0.04: ("<0.1 %", "0.04 %"),
    -0.3: ("−0.3 %", "−0.3 %"),
    -0.004: (">−0.1 %", ">−0.01 %"),
    -2.2: ("−2 %", "−2.2 %"),
    97.2: ("97 %", "97.2 %"),
    100 * (0.1 + 0.2 + 0.7): ("100 %", "100.0 %"),
}


@pytest.mark.parametrize("value", SAID)
def test_percent(value):
    assert (written.whole_percent(value), written.percent(value)) == SAID[value]


def test_all_and_nothing_are_said_of_them_alone():
    for value in np.random.default_rng(0).uniform(-1, 101, 5000).tolist() + [1e-8, 100 - 1e-8, 99.5, 0.5, -1e-8]:
        for decimals in (0, 1, 2):
            text = written.percent(value, decimals)
            assert not re.fullmatch(r"(−?0|100)(\.0+)? %", text), (value, text)
            assert "-" not in text
            bound = re.fullmatch(r"([<>])(.*) %", text)
            number = float((bound[2] if bound else text.removesuffix(" %")).replace("−", "-"))
            if bound:
                assert value < number if bound[1] == "<" else value > number
            else:
                assert abs(value - number) <= 0.5 * 10**-decimals + 1e-9


def test_a_difference_has_its_sign():
    assert [written.signed(v) for v in (1.24, -1.24, 0.04, -0.04)] == ["+1.2", "−1.2", "±0.0", "±0.0"]
    assert [written.number(v) for v in (1.24, -1.24, -0.04)] == ["1.2", "−1.2", "0.0"]


def test_a_table_is_sorted_as_numbers_and_other_columns_stay_as_they_were():
    frame = pd.DataFrame({"F": [-4.36, None], "memory": [10.0, None], "name": ["-a", "b"]})
    table = written.table(frame, {"F": written.percent, "not there": written.percent})
    assert table.data is frame
    text = table.to_html()
    assert "−4.4 %" in text and ">10<" in text and ">-a<" in text and text.count(">–<") == 2


BY_HAND = re.compile(r":[+,]?\.[0-9]f\} ?\\?u?(00a0)?%|format=\"%[+.0-9]*f %%|:\+\.|format=\"%\+", re.ASCII)
ALLOWED = {"app/charts/written.py", "app/compare/report.py"}
"""A report goes with Plotly, whose own templates have a true minus; lengths in CSS are no numbers to read."""


def test_no_page_writes_percent_or_signs_by_itself():
    found = [
        f"{path}: {line.strip()}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        if str(path.relative_to(ROOT)) not in ALLOWED
        for line in path.read_text("utf-8").splitlines()
        if BY_HAND.search(line) and "width" not in line and "%{" not in line
    ]
    assert not found, "\n".join(found)
