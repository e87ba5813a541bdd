"""What a choice does: any set of a query's pool is bought, learned, and measured, as the run would have done.

    query = Query.of(run, (3, 1))             a query of a run, restored just before it was asked
    found = trials(query, Plan(subsets=200))  the sets to measure, each with the orders it is learned in
    for outcome in outcomes(query, found):    as they are measured: small networks many at once, large ones in turn
        ...
    rows = table(query.about, done)           a tidy table; summary(rows): differences from equal-sized random sets

What was measured is kept in the run folder (`record`); acl.service.measurer does it for whoever asks through files.
"""
