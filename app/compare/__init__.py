"""The page of many runs."""
