"""What a choice does: any set of a pool bought, learned and measured, as the run would have done it.

    query = Query.of(run, (3, 1))          a query of a run, restored just before it was asked
    work = Work(query, Plan(), runs)       random sets, every strategy's picks, …: what a plan wants of it
    for piece in work.missing():           small networks many at once, large ones in turn
        work.step(piece)
    rows = table(query.about, work.outcomes())
    summary(rows)                          differences from equal-sized random sets, percentiles, fewer labels

What was measured is kept in the run folder (`record`); acl.service.measurer does it for whoever asks through files.
"""
