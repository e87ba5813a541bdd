"""Tests: one file for each module, slow and literal references, no GPU, no download."""
