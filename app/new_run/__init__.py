"""The page that begins a run."""
