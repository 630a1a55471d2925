"""A table in the making: what a format's reader fills, with the faults found on the way.

Reads and writes nothing. Faults and notes are gathered in a `Draft`, so that whoever called can
report all faults of a file at once.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Draft:
    """A table in the making.

    Attributes:
        lines: the line of the file each row begins on, where the format has lines.
        faults: (row number, sentence); 0 for what concerns the whole file.
    """

    format: str
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def place(self, index: int) -> str:
        """Where the row with this index stands, as the user counts."""
        return place(self.numbers[index], self.lines[index] if self.lines else None)

    def add(self, number: int, line: int | None, value: Any) -> None:
        """Take a JSON value as the next row; anything but an object is a fault."""
        if not isinstance(value, dict):
            found = f"{kind_of(value)}, not an object"
            self.faults.append((number, f"{place(number, line)}: {found}"))
            return
        self.rows.append(value)
        self.numbers.append(number)
        if line is not None:
            self.lines.append(line)


def place(number: int, line: int | None) -> str:
    """ "row 3 (line 5)", or "row 3" where lines mean nothing."""
    return f"row {number}" + (f" (line {line})" if line is not None else "")


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def name_faults(columns: list[str]) -> list[str]:
    """A sentence for each column name that is empty or stands twice."""
    places: dict[str, list[int]] = {}
    for position, name in enumerate(columns, 1):
        places.setdefault(name, []).append(position)
    faults = [f"header: column {position} has no name" for position in places.pop("", [])]
    for name, positions in places.items():
        if len(positions) > 1:
            listed = ", ".join(map(str, positions))
            faults.append(f"header: columns {listed} are all named '{name}'")
    return faults
