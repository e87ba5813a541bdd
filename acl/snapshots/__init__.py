"""Queries as files: those of runs, and those of other programs."""
