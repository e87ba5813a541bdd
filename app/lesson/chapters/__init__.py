"""One chapter a file: its question, its picture, its controls, and the sentence to take away."""
