"""One command a file, each with `add`: what can be typed, and what is done."""
