"""The run folder: what a run leaves, and what can be done with it."""
