"""Engines: prompts in, answers out; `local` runs a model in this process."""
