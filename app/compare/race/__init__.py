"""A race: strategies side by side from the same seeds, always shown at the same task and the same round.

The runs go at their own speed; what is shown of a seed is what all its strategies have reached.
"""
