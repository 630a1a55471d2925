"""Slots as tagged words, so that entity metrics can be asked about extracted JSON.

Reads snips-slots. A slot whose value stands exactly once in its text is a span of words; tagged
B- and I- it is what seqeval counts. Rows with any other slot are left out.
"""

import json
import random
from pathlib import Path

Slots = dict[str, str]
Pairs = tuple[list[Slots], list[Slots], list[list[str]], list[list[str]]]
"""Right slots, given slots, and the tags of both, row by row."""


def entity_pairs(folder: Path, n: int) -> dict[str, Pairs]:
    """Right and given slots of random texts, and of snips rows whose slots were disturbed."""
    chance = random.Random(3)
    real = []
    for name in ("train.jsonl", "test.jsonl"):
        for line in (folder / "extraction-snips-slots" / name).read_text("utf-8").splitlines():
            row = json.loads(line)
            words = row["text"].split()
            spans = _spans(words, row["slots"])
            if spans is not None:
                real.append((words, spans))
    made = []
    for _ in range(n):
        words = [f"w{place}" for place in range(chance.randint(3, 12))]
        made.append((words, _drawn(words, chance)))
    return {
        "random": _disturbed(made, chance),
        "snips-slots, disturbed": _disturbed(real, chance),
    }


Spans = dict[str, tuple[int, int]]
"""Slot → first word, and the word after its last."""


def _spans(words: list[str], slots: dict[str, object]) -> Spans | None:
    found: Spans = {}
    taken: set[int] = set()
    for name, value in slots.items():
        if not isinstance(value, str):
            return None
        wanted = value.split()
        places = [
            at for at in range(len(words)) if wanted and words[at : at + len(wanted)] == wanted
        ]
        if len(places) != 1 or taken & set(range(places[0], places[0] + len(wanted))):
            return None
        found[name] = (places[0], places[0] + len(wanted))
        taken |= set(range(*found[name]))
    return found


def _drawn(words: list[str], chance: random.Random) -> Spans:
    found: Spans = {}
    at = 0
    while at < len(words):
        stop = at + chance.randint(1, 3)
        if stop <= len(words) and chance.random() < 0.5:
            found[f"slot{len(found)}"] = (at, stop)
        at = stop
    return found


def _disturbed(rows: list[tuple[list[str], Spans]], chance: random.Random) -> Pairs:
    """Given slots: some missing, some under another's name, some one word shorter."""
    right, given, right_tags, given_tags = [], [], [], []
    for words, spans in rows:
        said: Spans = {}
        for name, (start, stop) in spans.items():
            draw = chance.random()
            if draw < 0.15:
                continue
            other = f"{name}_other" if draw < 0.3 else name
            said[other] = (start, stop - 1 if draw > 0.85 and stop - start > 1 else stop)
        right.append(_values(words, spans))
        given.append(_values(words, said))
        right_tags.append(_tags(words, spans))
        given_tags.append(_tags(words, said))
    return right, given, right_tags, given_tags


def _values(words: list[str], spans: Spans) -> Slots:
    return {name: " ".join(words[start:stop]) for name, (start, stop) in spans.items()}


def _tags(words: list[str], spans: Spans) -> list[str]:
    tags = ["O"] * len(words)
    for name, (start, stop) in spans.items():
        tags[start:stop] = [f"B-{name}"] + [f"I-{name}"] * (stop - start - 1)
    return tags
