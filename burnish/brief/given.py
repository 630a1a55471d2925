"""What the user set by hand before anything is inferred: names of settings to key paths.

Reads a mapping such as the command line makes; decides nothing.
"""

from typing import Any

from burnish.brief.check import check_given, known_keys, nearest
from burnish.errors import BriefError
from burnish.records import Table


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
        if key in given:
            given[key] = _names(given[key], table)
    for key in ("data.group", "data.id", "pass_mark.over"):
        given |= {key: None} if given.get(key) == "" else {}
    if faults := check_given(nested(given)):
        raise BriefError("These settings cannot be used.", faults=faults, hint="mend those named")
    return given


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Key path → value as sections of keys, the shape of a brief."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        section, _, leaf = key.rpartition(".")
        (found.setdefault(section, {}) if section else found)[leaf] = (
            tuple(value) if isinstance(value, list) else value
        )
    return found


def _names(value: Any, table: Table) -> list[str]:
    """Columns from one name, several joined by commas, or a list."""
    if not isinstance(value, str):
        return list(value)
    if value in table.columns:
        return [value]
    return [name.strip() for name in value.split(",")]
