"""What stands in a text where personal data was."""

import re

PLACEHOLDER = re.compile(r"\[([A-Z][A-Z_]*)_(\d+)\]")
"""What masking puts in the place of a value: type and number, as in [PERSON_1]."""
