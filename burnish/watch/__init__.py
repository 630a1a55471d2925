"""Watching what is served: drift, and whether a new run may take over."""
