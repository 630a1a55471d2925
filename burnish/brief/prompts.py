"""Words for a task: its goal, the instruction to the model, and the template of the user's turn."""

from collections import Counter
from typing import Any

from burnish.brief.columns import Column, as_json, name_words
from burnish.chat.answers import NO_LABELS
from burnish.records import TaskKind

MOST_LABELS = 200
"""Labels an instruction may list; more would fill the context of a small model."""
_MOST_KEYS = 40
_SUMMARIES = {"summary", "highlights", "tldr", "abstract"}
_PLAIN_OUTPUTS = {"output", "completion", "response", "target", "text", "reply"}


def goal_of(
    kind: TaskKind,
    inputs: tuple[str, ...],
    output: tuple[str, ...],
    *,
    labels: tuple[str, ...],
    multi_label: bool,
    columns: dict[str, Column],
) -> str:
    """What the model should do, in a sentence."""
    read = _listed(inputs) or "the conversation"
    asked = _question_phrase(inputs)
    if kind == "classify":
        if asked and _answers(output):
            return f"{asked} with one of {len(labels)} labels."
        wanted = "with any" if multi_label else "as one"
        return f"Classify {read} {wanted} of {len(labels)} labels."
    if kind == "summarize":
        return _summarise(inputs, output, columns)
    if kind == "answer":
        return f"{asked or f'Answer {read}'}."
    if kind == "extract":
        return f"Extract {_listed(output, article='')} from {read} as JSON."
    if not inputs:
        return "Reply to the last message of the conversation."
    if "instruction" in map(in_words, inputs):
        return "Follow the instruction."
    return f"Write {_written(output)} for {read}."


def instruction_of(
    kind: TaskKind,
    inputs: tuple[str, ...],
    output: tuple[str, ...],
    *,
    labels: tuple[str, ...],
    multi_label: bool,
    columns: dict[str, Column],
    copied: bool,
) -> str:
    """The system prompt of a kind of task.

    Args:
        labels: the label set (classify); listed where there are at most `MOST_LABELS`.
        copied: answers stand word for word in an input (answer).
    """
    if kind == "classify":
        return _classify(inputs, output, labels, multi_label=multi_label)
    if kind == "summarize":
        return _summarise(inputs, output, columns)
    if kind == "answer":
        context = next((name for name in inputs if not _asks(name)), None)
        source = f" copied from the {in_words(context)}" if copied and context else ""
        return f"Answer the question with a short phrase{source}."
    if kind == "extract":
        return _extract(inputs, output, columns)
    if not inputs:
        return "Reply to the user's last message."
    if "instruction" in map(in_words, inputs):
        return "Follow the instruction. Write the answer and nothing else."
    return f"Write {_written(output)} for {_listed(inputs)}, and nothing else."


def with_labels(system: str, before: tuple[str, ...], after: tuple[str, ...]) -> str:
    """The instruction with the new labels in its listing; as it is where it lists other ones.

    Args:
        before, after: label sets, the second with all of the first.
    """
    lines = system.split("\n")
    places = [at for at, line in enumerate(lines) if line.startswith("- ")]
    listed = [lines[at][2:].strip() for at in places]
    if sorted(listed) != sorted(before) or places != list(range(places[0], places[-1] + 1)):
        return system
    added = [label for label in after if label not in before]
    labels = sorted([*listed, *added]) if listed == sorted(listed) else [*listed, *added]
    lines[places[0] : places[-1] + 1] = [f"- {label}" for label in labels]
    return "\n".join(lines)


def template_of(inputs: tuple[str, ...]) -> str:
    """The user's turn: the one input alone, or each under its name."""
    if len(inputs) == 1:
        return "{" + inputs[0] + "}"
    if [in_words(name) for name in inputs] == ["instruction", "input"]:
        return "\n\n".join("{" + name + "}" for name in inputs)
    return "\n\n".join(f"{_capital(in_words(name))}: {{{name}}}" for name in inputs)


def in_words(name: str) -> str:
    """A column's name as a reader would say it; a name of signs alone stays as it is."""
    return " ".join(name_words(name)) or name


def _classify(
    inputs: tuple[str, ...], output: tuple[str, ...], labels: tuple[str, ...], *, multi_label: bool
) -> str:
    lead = f"Classify {_listed(inputs) or 'the conversation'}."
    if _answers(output):
        lead = f"{_question_phrase(inputs) or lead.rstrip('.')}."
    listing = "\n" + "\n".join(f"- {label}" for label in labels)
    if not labels or len(labels) > MOST_LABELS:
        listing = ""
    if multi_label:
        among = " of these labels that applies" if listing else " label that applies"
        return (
            f"{lead} Answer with every one{among}, one a line, or {NO_LABELS}"
            f"{':' if listing else '.'}{listing}"
        ).replace("every one label", "every label")
    if not listing:
        return f"{lead} Answer with the label alone."
    return f"{lead} Answer with exactly one of these labels:{listing}"


def _summarise(inputs: tuple[str, ...], output: tuple[str, ...], columns: dict[str, Column]) -> str:
    main = max(inputs, key=lambda name: columns[name].median, default="conversation")
    beside = tuple(name for name in inputs if name != main)
    given = f", given {_listed(beside)}" if beside else ""
    wanted = in_words(output[0]) if output else "summary"
    if set(wanted.split()) & _SUMMARIES:
        return f"Summarise the {in_words(main)}{given}."
    return f"Summarise the {in_words(main)} as {_a(wanted)}{given}."


def _extract(inputs: tuple[str, ...], output: tuple[str, ...], columns: dict[str, Column]) -> str:
    lead = f"Extract the facts from {_listed(inputs) or 'the conversation'}. Answer with JSON alone"
    if len(output) == 1:
        keys, is_list = _json_keys(columns.get(output[0]))
        what = "a list of objects" if is_list else "an object"
        if not keys:
            return f"{lead}."
        return f"{lead}: {what} with these keys, as far as they apply: {', '.join(keys)}."
    lines = [f"{lead}, an object with the keys {_quoted(output)}."]
    for name in output:
        keys, is_list = _json_keys(columns.get(name))
        if keys:
            what = "is a list of objects" if is_list else "is an object"
            lines.append(f'"{name}" {what} with, as far as they apply: {", ".join(keys)}.')
        elif name in columns and columns[name].categorical and columns[name].distinct <= 50:
            lines.append(f'"{name}" is one of: {", ".join(sorted(columns[name].counts))}.')
    return "\n".join(lines)


def _json_keys(column: Column | None) -> tuple[list[str], bool]:
    """The keys in a JSON column, in order of frequency, and whether its cells are lists."""
    if column is None or column.form != "json":
        return [], False
    cells: list[Any] = [as_json(value) for value in column.present]
    is_list = sum(isinstance(cell, list) for cell in cells) > len(cells) / 2
    counts: Counter[str] = Counter()
    for cell in cells:
        for item in cell if isinstance(cell, list) else [cell]:
            counts.update(item.keys() if isinstance(item, dict) else ())
    return [key for key, _ in counts.most_common(_MOST_KEYS)], is_list


def _written(output: tuple[str, ...]) -> str:
    words = in_words(output[0]) if output else "answer"
    return f"the {words}" if words not in _PLAIN_OUTPUTS else "the text"


def _listed(names: tuple[str, ...], *, article: str = "the ") -> str:
    words = [f"{article}{in_words(name)}" for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _quoted(names: tuple[str, ...]) -> str:
    words = [f'"{name}"' for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _a(words: str) -> str:
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _answers(output: tuple[str, ...]) -> bool:
    return any({"answer", "answers"} & set(name_words(name)) for name in output)


def _question_phrase(inputs: tuple[str, ...]) -> str:
    """What to do with one question and what it is about; "" where the inputs are otherwise."""
    asked = [name for name in inputs if _asks(name)]
    rest = tuple(name for name in inputs if not _asks(name))
    if len(asked) != 1:
        return ""
    return f"Answer the {in_words(asked[0])}" + (f" from {_listed(rest)}" if rest else "")


def _asks(name: str) -> bool:
    return bool({"question", "query"} & set(name_words(name)))
