"""What did it do? The labels of this query, measured: what they taught of the new task and kept of the old ones,
against random labels, every strategy, fewer labels and one's own choice."""
