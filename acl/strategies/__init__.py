"""One query strategy a file."""
