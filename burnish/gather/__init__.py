"""Gathering: which exchanges of the request log deserve a label, and which corrections a doubt."""
