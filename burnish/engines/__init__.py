"""Engines: prompts in, answers out. `fake` needs no model; `local` runs one with torch."""
