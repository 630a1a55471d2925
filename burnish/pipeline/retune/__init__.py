"""Tuning again: the proposal, the data, the comparison with who serves, and the roll-out."""
