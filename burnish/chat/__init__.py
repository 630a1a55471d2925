"""From examples to what a model reads, and from what it writes to what it says."""
