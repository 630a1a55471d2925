"""The flags of `burnish init`: which key of the brief each one sets.

Reads the parsed command line; decides nothing and writes nothing.
"""

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperOption

from burnish.errors import BriefError

FILES = {
    "file": "data.source",
    "train": "data.train",
    "validation": "data.validation",
    "test": "data.test",
}
"""Parameters of `init` that name a file, and their keys in the brief."""
SETTINGS = {
    "kind": "kind",
    "inputs": "data.inputs",
    "output": "data.output",
    "messages": "data.messages",
    "group": "data.group",
    "id": "data.id",
    "labels": "data.labels",
    "max_rows": "data.max_rows",
    "allow_small": "data.allow_small",
    "multi_label": "multi_label",
    "metric": "metric",
    "at_least": "pass_mark.at_least",
    "over": "pass_mark.over",
    "base": "base",
    "epochs": "train.epochs",
    "learning_rate": "train.learning_rate",
    "name": "name",
    "goal": "goal",
    "seed": "seed",
}
"""Parameters of `init` that set something, and their keys in the brief."""
MAY_BE_NONE = ("data.group", "data.id", "pass_mark.over")


class InitCommand(TyperCommand):
    """`init`, whose flags are described by the brief's fields (read for its help alone)."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the flags with their descriptions."""
        from burnish.records import Task

        for parameter in self.params:
            key = (FILES | SETTINGS).get(parameter.name or "")
            if key is None or not isinstance(parameter, TyperOption | TyperArgument):
                continue
            section, _, leaf = key.rpartition(".")
            model: Any = Task.model_fields[section].annotation if section else Task
            parameter.help = model.model_fields[leaf].description
        super().format_options(ctx, formatter)


def given_files(parameters: dict[str, Any]) -> dict[str, str]:
    """Split name → file, as the user named it: "source" alone, or "train" and more."""
    files = {
        FILES[name].removeprefix("data."): str(parameters[name])
        for name in FILES
        if parameters[name] is not None
    }
    hint = "burnish init FILE, or burnish init --train FILE --validation FILE --test FILE"
    if not files:
        raise BriefError("No file of examples is named.", hint=hint)
    if "source" in files and len(files) > 1:
        raise BriefError(
            f"{files['source']} stands beside --{' and --'.join(list(files)[1:])}; expected either "
            "one file for Burnish to split, or your own split files.",
            hint=hint,
        )
    if "source" not in files and "train" not in files:
        raise BriefError(f"--{' and --'.join(files)} stand without --train.", hint=hint)
    return files


def given_settings(parameters: dict[str, Any]) -> dict[str, Any]:
    """Key path → value of every flag that was given. "" stands for none."""
    given: dict[str, Any] = {}
    for name, key in SETTINGS.items():
        value = parameters[name]
        several = isinstance(value, list | tuple)
        if value is None or (several and not value) or (name == "allow_small" and not value):
            continue
        if name == "labels":
            value = [part.strip() for each in value for part in each.split(",")]
        elif several:
            value = value[0] if len(value) == 1 else list(value)
        elif key in MAY_BE_NONE and value == "none":
            value = ""
        given[key] = value
    others, faults = _parsed(parameters["others"] or [])
    for key, value in others.items():
        twice = next((one for one in given if key in (one, one.rpartition(".")[2])), None)
        if twice is not None:
            faults.append(f"`{key}` is given twice, by a flag and by --set.")
        given[key] = value
    if faults:
        raise BriefError(
            "--set cannot be used as given.",
            faults=faults,
            hint="write --set KEY=VALUE, as in --set train.r=8 or "
            "--set 'prompt.system=\"Answer: yes or no.\"'",
        )
    return given


def _parsed(texts: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The keys and YAML values of --set, and what is wrong with them."""
    import yaml

    values: dict[str, Any] = {}
    faults = []
    for text in texts:
        key, equals, written = (part.strip() for part in text.partition("="))
        try:
            value = yaml.safe_load(written)
        except yaml.YAMLError:
            faults.append(f"{text!r}: the value is not YAML; put it in quotes.")
            continue
        if value is None and any(key in (one, one.rpartition(".")[2]) for one in MAY_BE_NONE):
            value = ""
        if not key or not equals or value is None:
            faults.append(f"{text!r}: expected KEY=VALUE.")
        elif key in values:
            faults.append(f"`{key}` is given twice.")
        else:
            values[key] = value
    return values, faults
