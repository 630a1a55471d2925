"""When an example is from: dates as people and programs write them, without a day or month too.

Reads cells; writes nothing.
"""

import re
from datetime import datetime
from typing import Any

_SHORT = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2]))?")


def read_time(cell: Any) -> str | None:
    """The date of a cell, "2024-03-01", as exact as it is told ("2024-03", "2024").

    The time of day is left out. An empty cell has no date.

    Raises:
        ValueError: where it is no date by ISO 8601.
    """
    text = "" if cell is None else str(cell).strip()
    if not text:
        return None
    if _SHORT.fullmatch(text):
        return text
    return datetime.fromisoformat(text).date().isoformat()
