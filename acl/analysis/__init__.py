"""One query looked at again: other settings, every strategy, maps."""
