"""The page of one query."""
