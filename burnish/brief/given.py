"""What the user set by hand before anything is inferred: names of settings to key paths.

Reads a mapping such as the command line makes; refuses columns and labels that the files lack.
"""

import difflib
from collections.abc import Collection, Sequence
from typing import Any

from burnish.brief.check import check_given, known_keys, nearest
from burnish.errors import BriefError, DataError
from burnish.records import Table

_FILES = ("data.source", "data.train", "data.validation", "data.test")


def given_settings(overrides: dict[str, Any], table: Table) -> dict[str, Any]:
    """Key path → value: bare names get their section, texts of columns become lists.

    Args:
        overrides: None means not given; "" for `group` or `id` means none.

    Raises:
        BriefError: a name is no setting, or a value is not one of its own.
    """
    known = known_keys()
    given: dict[str, Any] = {}
    faults = []
    for name, value in overrides.items():
        key = next((k for k in known if k == name), None) or next(
            (k for k in known if k.rpartition(".")[2] == name), None
        )
        if key is None:
            near = nearest(name, known)
            faults.append(f"`{name}` is unknown" + (f"; did you mean `{near}`?" if near else "."))
        elif any(other.startswith(f"{key}.") for other in known):
            faults.append(f"`{key}` is a section; name one of its settings, as in `{key}.…`.")
        elif value is not None:
            given[key] = value
    if faults:
        raise BriefError("There is no such setting.", faults=faults, hint="burnish init --help")
    for key in ("data.inputs", "data.output"):
        if isinstance(given.get(key), str):
            given[key] = _names(given[key], table)
    for key in ("data.group", "data.id", "data.time", "pass_mark.over"):
        given |= {key: None} if given.get(key) == "" else {}
    faults = [
        f"`{key}` is the file that is read; name it as FILE, or by --train, --validation or --test."
        for key in _FILES
        if key in given
    ]
    if faults := [*faults, *check_given(nested(given))]:
        raise BriefError(
            "These settings cannot be used.",
            faults=faults,
            hint="repeat the command with values of the kind expected",
        )
    return given


def require_columns(values: dict[str, Any], tables: dict[str, Table], *, hint: str) -> None:
    """Refuse columns that do not stand in every file.

    Args:
        values: key path → value; of the data settings, each a column, several or None.
        hint: what to do next.

    Raises:
        DataError: listing every one of them with the nearest name.
    """
    faults = []
    for key in (
        "data.inputs",
        "data.output",
        "data.messages",
        "data.group",
        "data.id",
        "data.time",
    ):
        value = values.get(key)
        for name in value if isinstance(value, list) else [value]:
            for table in tables.values():
                if name is not None and name not in table.columns:
                    near = difflib.get_close_matches(str(name), table.columns, n=1)
                    meant = f"; did you mean {near[0]!r}?" if near else ""
                    faults.append(f"{table.path} has no column {name!r} (`{key}`){meant}")
    if faults:
        raise DataError("A column that is needed does not exist.", faults=faults, hint=hint)


def require_labels(given: dict[str, Any], found: Sequence[str], known: Collection[str]) -> None:
    """Refuse labels to keep that no row has.

    Args:
        found: labels of the rows that are kept.
        known: all values of the output column.

    Raises:
        DataError: listing every one of them with the nearest name.
    """
    faults = []
    for label in given.get("data.labels", ()):
        if " ".join(str(label).split()) not in found:
            near = difflib.get_close_matches(str(label), known, n=1)
            faults.append(
                f"no row has the label {label!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
    if faults:
        some = ", ".join(sorted(known)[:10])
        raise DataError(
            "`data.labels` names labels that do not exist.",
            faults=faults,
            hint=f"write them as the file does: {some}{', …' if len(known) > 10 else ''}",
        )


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Key path → value as sections of keys, the shape of a brief."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        section, _, leaf = key.rpartition(".")
        (found.setdefault(section, {}) if section else found)[leaf] = (
            tuple(value) if isinstance(value, list) else value
        )
    return found


def _names(value: str, table: Table) -> list[str]:
    """Columns from one name, or from several joined by commas."""
    if value in table.columns:
        return [value]
    return [name.strip() for name in value.split(",")]
