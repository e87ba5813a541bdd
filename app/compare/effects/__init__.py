"""What queries changed and what picks did, over seeds: a tab in the details below the curves."""
