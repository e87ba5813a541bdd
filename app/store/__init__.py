"""What the pages read and remember."""
