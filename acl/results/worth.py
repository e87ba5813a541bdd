"""acl.worth(): what the label of each sample of a query's pool is worth, measured here or before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from acl.analysis.outcomes.asked import Plan
from acl.analysis.outcomes.divided import blind, divided, why_not
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.sets import Say
from acl.analysis.outcomes.worth import Worth, sentence, sets_wanted
from acl.config import UserError
from acl.results.outcomes import Show, worked_off
from acl.runs.folder import Run, find_run
from acl.runs.fork import Place, parse_place


@dataclass(frozen=True)
class LabelWorth:
    """Of the pool of one query.

    table: a row for each sample, `id`, `true` (its class), `new` and, from task 2 on, `past`: by how many points of
    likelihood after the round a set of labels did more with it than without, beside what its class does. NaN in a part
    that is not told; what is told most of stands first. parts: how sure each of them is.
    """

    table: pd.DataFrame
    parts: dict[str, Worth]

    @property
    def sentences(self) -> list[str]:
        """Which bars each part passed or missed, with the numbers."""
        return [sentence(part, found) for part, found in self.parts.items()]


def worth(run: str | Path | Run, at: str, *, folder: str | Path = "runs") -> LabelWorth:
    """Measure four random sets a sample of the pool for the query `at` ("3.1") of a run (an id in `folder`, a path, or
    what acl.run gave), and divide what they did among their samples (acl.analysis.outcomes.worth).

    What was measured before is not measured again; all of it is kept in the run folder. UserError for what cannot be
    measured.
    """
    found = run if isinstance(run, Run) else find_run(str(run), Path(folder))
    return measure_worth(found, parse_place(at), found.path.parent if isinstance(run, Run) else Path(folder))


def measure_worth(
    run: Run,
    at: Place,
    runs: Path,
    show: Show = lambda place, progress: None,
    say: Say = lambda text: None,
) -> LabelWorth:
    """The same, with the run and the folder it is looked up in. show: told how far it is."""
    query = Query.of(run, at)
    pool = query.pool.tolist()
    if why := why_not(len(pool), query.n):
        raise UserError(why)
    plan = Plan(subsets=sets_wanted(len(pool)), sizes=(1.0,), strategies=(), recorded=False)
    work = worked_off(query, plan, runs, show, say)
    classes = {i: int(query.loop.stream.labels[i]) for i in pool}
    parts = divided(blind(work.outcomes(), at[0], pool), query.context, classes)
    table = pd.DataFrame({"id": pool, "true": [classes[i] for i in pool]})
    for part, each in parts.items():
        table[part] = each.weights if each.is_told else math.nan
    return LabelWorth(table.sort_values(list(parts), ascending=False, kind="stable", ignore_index=True), parts)


def worth_table(at: Place, found: LabelWorth) -> str:
    """As Markdown: the sentences, and below them the samples where any part is told."""
    said = [f"Query {at[0]}.{at[1]}. {' '.join(found.sentences)}"]
    told = [part for part, each in found.parts.items() if each.is_told]
    if told:
        said += ["", f"| id | true class | {' | '.join(told)} |", f"|{'---:|' * (2 + len(told))}"]
        said += [f"| {row['id']} | {row['true']} | {' | '.join(_points(row[p]) for p in told)} |"
                 for row in found.table.to_dict("records")]  # fmt: skip
    return "\n".join(said)


def _points(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
