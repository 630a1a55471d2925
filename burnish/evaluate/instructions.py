"""Candidate instructions for a task: what somebody would try who improves a prompt by hand.

The brief's own comes first; the others say more about length, form and source, with what the
training split tells (how long answers are, which fields they have). Reads examples; writes nothing.
"""

import statistics
from collections.abc import Sequence
from typing import Any

from burnish.chat.answers import NO_LABELS
from burnish.records import Example, Task

MOST_LABELS = 200
"""Labels that an instruction lists; more would fill the context of a small model."""
_MOST_FIELDS = 40


def candidate_instructions(
    task: Task, labels: tuple[str, ...], train: Sequence[Example]
) -> dict[str, str]:
    """Name → system prompt, without repetitions; "the brief's own" first."""
    own = task.prompt.system
    goal = task.goal or own.split("\n")[0]
    if task.kind == "classify":
        added = _classify(own, goal, labels, several=task.multi_label)
    elif task.kind == "summarize":
        added = _summarize(own, goal, _words(train))
    elif task.kind == "answer":
        added = _answer(own, goal, _words(train))
    elif task.kind == "extract":
        added = _extract(own, goal, task.json_schema or {})
    else:
        added = _generate(own, goal, _words(train))
    candidates = {"the brief's own": own} | added
    names = {text: name for name, text in reversed(candidates.items())}
    return {name: text for name, text in candidates.items() if names[text] == name}


def _classify(own: str, goal: str, labels: tuple[str, ...], *, several: bool) -> dict[str, str]:
    listing = "\n".join(f"- {label}" for label in labels) if len(labels) <= MOST_LABELS else ""
    asked = (
        f"Write every label that applies, one a line, or {NO_LABELS}."
        if several
        else "Write one label and nothing else."
    )
    head = f"Labels:\n{listing}\n\n" if listing else ""
    return {
        "form last": f"{own}\n{asked} Spell it exactly as given.",
        "labels first": f"{head}{goal}\n{asked}",
        "expert": f"You label texts for a living and are known for your care. {own}",
        "meaning": f"Think of what the writer wants, not of single words. {own}",
    }


def _summarize(own: str, goal: str, words: int) -> dict[str, str]:
    return {
        "length": f"{own}\nWrite about {words} words.",
        "length and wording": f"{own}\nWrite about {words} words, in the wording of the text. "
        "Leave out greetings and small talk.",
        "facts": f"{own}\nKeep every name, number and date; add nothing that the text does not "
        f"say. Write about {words} words of plain text, without a heading.",
        "expert": f"You are an experienced professional writer. {goal}\nWrite about {words} words.",
    }


def _answer(own: str, goal: str, words: int) -> dict[str, str]:
    limit = f"at most {max(words * 2, 3)} words"
    return {
        "copy": f"{own}\nCopy the shortest piece of the text that answers; no full sentence.",
        "length": f"{own}\nAnswer in {limit}.",
        "copy, short": f"{goal}\nWrite only words of the text, {limit}, and nothing else.",
        "expert": f"You answer exactly and briefly. {goal}\nAnswer in {limit}.",
    }


def _extract(own: str, goal: str, schema: dict[str, Any]) -> dict[str, str]:
    fields = ", ".join(list(schema.get("properties") or {})[:_MOST_FIELDS])
    keys = f" Use these keys: {fields}." if fields else ""
    return {
        "form": f"{own}\nBegin with {{ and end with }}; write nothing before or after.",
        "copied values": f"{own}\nCopy values word by word from the text. Leave out a key that has "
        "no value.",
        "keys": f"{goal}{keys}\nWrite one JSON object and nothing else.",
        "keys and copied values": f"{goal}{keys} Copy values word by word from the text.\n"
        "Write one JSON object and nothing else.",
    }


def _generate(own: str, goal: str, words: int) -> dict[str, str]:
    return {
        "length": f"{own}\nWrite about {words} words.",
        "facts": f"{own}\nUse every fact of the input and add none.",
        "facts and length": f"{own}\nUse every fact of the input and add none. Write about {words} "
        "words, and nothing else.",
        "expert": f"You are an experienced professional writer. {goal}\nWrite about {words} words.",
    }


def _words(train: Sequence[Example]) -> int:
    """The median length of a training answer, in words."""
    return int(statistics.median([len(each.answer.split()) for each in train] or [1])) or 1
