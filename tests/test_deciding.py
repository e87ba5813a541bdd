"""Which entries decided, in the card of a sample: what is said is what `parts` says."""

from __future__ import annotations

from acl.analysis.entries import parts
from app.inspection import deciding
from app.inspection import samples as pool
from app.inspection.source import microscope
from tests.test_inspect import RECORDED, no_backend, page, recorded_sight  # noqa: F401  the fixture holds here too


def test_five_entries_and_the_others_are_all_of_a_score():
    here = recorded_sight()
    ranking = pool.choose(here, "accuacl", here.recorded).ranking
    scope = microscope(*here.mark)
    for opened in (here.picks[0], int(here.context.pool.ids[-1])):
        position = here.context.pool.ids.tolist().index(opened)
        found = parts(scope.information, ranking, position)
        both = zip(deciding.lines(here, ranking, opened), (found.magnitude, found.distribution), strict=True)
        for (what, rows), values in both:
            assert f"{float(values.sum()):.3g}" in what
            shares = (100 * values / values.sum()).tolist()
            assert len(rows) == deciding.SHOWN + 1 and rows[-1][0] == f"{len(shares) - 5} others"
            order = sorted(range(len(shares)), key=lambda i, s=shares: (-s[i], i))[: deciding.SHOWN]
            for (name, said), entry in zip(rows, order, strict=False):
                k, i = int(ranking.kept.rows[entry]), int(ranking.kept.dims[entry])
                assert name.removeprefix("↑ ").removeprefix("↓ ") == f"{here.class_name(here.context.classes[k])} · {i}"
                assert said.startswith(("<", ">")) or abs(float(said.split()[0]) - shares[entry]) <= 0.5


def test_the_card_has_it_closed():
    test = page(run=RECORDED, task="5", round="1", sample=str(recorded_sight().picks[0]))
    folded = next(each for each in test.expander if each.label == "Which entries decided?")
    assert not folded.proto.expanded
    assert any("1 − D = " in each.proto.body for each in test.get("html"))
