"""Watching what is served: drift, what to gather, and whether a new run may take over."""
