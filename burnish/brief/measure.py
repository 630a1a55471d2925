"""Measures the examples a proposed task would make: labels, answer lengths, prompt lengths.

Reads a Table; answers come from the same code that later makes the examples.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from burnish.brief.columns import (
    SAMPLE,
    as_text,
    count_pieces,
    count_words,
    percentile,
    spaced,
)
from burnish.chat.answers import Target, target_of
from burnish.records import METRICS, DataSettings, Table, Task, TaskKind


@dataclass(frozen=True)
class Measured:
    """What the examples are like.

    Attributes:
        n: rows; `unusable` of them hold no answer of the kind.
        label_counts: label → examples (classify).
        answers: answer text → examples, of the sampled rows.
        answer_words, total_words: of the sampled rows, in ascending order; the total is inputs
            and answer together.
        copied: most answers stand word for word in an input.
    """

    n: int
    unusable: int
    label_counts: Counter[str]
    answers: Counter[str]
    answer_words: list[int]
    total_words: list[int]
    copied: bool

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set, in sorted order."""
        return tuple(sorted(self.label_counts))


def measure(
    table: Table,
    kind: TaskKind,
    inputs: tuple[str, ...],
    output: tuple[str, ...],
    *,
    multi_label: bool,
    messages: str | None,
    labels: tuple[str, ...],
) -> Measured:
    """Measure the rows as examples of a task.

    Args:
        messages: column of chats, whose last turn is then the answer.
        labels: keep only these (all, if empty).
    """
    task = Task(name="measured", kind=kind, metric=METRICS.get(kind, ("chrf",))[0],
                multi_label=multi_label, data=DataSettings())  # fmt: skip
    read = []
    unusable = 0
    label_counts: Counter[str] = Counter()
    for row in table.rows:
        prompt, cells = _split(row, inputs, output, messages)
        try:
            target = target_of(task, cells)
        except ValueError:
            unusable += 1
            continue
        kept = tuple(name for name in target.labels if not labels or name in labels)
        if kind == "classify" and labels and not kept:
            continue
        label_counts.update(kept)
        read.append((prompt, target))
    sample: list[tuple[str, Target]] = spaced(read, SAMPLE)
    count = count_pieces if kind in ("extract", "classify") else count_words
    answer_words = [max(map(count, target.references)) for _, target in sample]
    total = [count_words(prompt) + words for (prompt, _), words in zip(sample, answer_words,
                                                                       strict=True)]  # fmt: skip
    copied = sum(target.text.casefold() in prompt.casefold() for prompt, target in sample)
    return Measured(
        n=len(table.rows),
        unusable=unusable,
        label_counts=label_counts,
        answers=Counter(target.text for _, target in sample),
        answer_words=sorted(answer_words),
        total_words=sorted(total),
        copied=copied > 0.7 * max(len(sample), 1),
    )


def answer_length(measured: Measured) -> tuple[int, str]:
    """Tokens to allow for an answer (8 to 512, in steps of 16), and why."""
    words = percentile(measured.answer_words, 0.99)
    tokens = min(512, max(8, _up(words * 2 + 8, 16)))
    over = sum(2 * count > 512 for count in measured.answer_words)
    cut = f"; {over} of {len(measured.answer_words)} sampled answers may be longer" if over else ""
    why = f"99 of 100 answers have at most {_words(words)}, at about 2 tokens each{cut}"
    return tokens, why


def example_length(measured: Measured, system: str, max_new_tokens: int) -> tuple[int, str]:
    """Tokens to allow for prompt and answer (256 to 2048, in steps of 128), and why."""
    instruction = round(count_pieces(system) * 1.6)
    words = percentile(measured.total_words, 0.98)
    wanted = _up(round(words * 1.6) + instruction, 128)
    tokens = min(2048, max(256, wanted, _up(max_new_tokens + 1, 128)))
    over = sum(count * 1.6 + instruction > tokens for count in measured.total_words)
    cut = f"; {over} of {len(measured.total_words)} sampled rows will have their longest input cut"
    return tokens, (
        f"98 of 100 examples have at most {_words(words)}, at about 1.6 tokens each, and the "
        f"instruction takes about {instruction} tokens{cut if over else ''}"
    )


def _split(
    row: dict[str, Any], inputs: tuple[str, ...], output: tuple[str, ...], messages: str | None
) -> tuple[str, dict[str, Any]]:
    """The text before the answer, and the cells of the answer."""
    if messages is None:
        prompt = "\n\n".join(as_text(row.get(name)) for name in inputs)
        return prompt, {name: row.get(name) for name in output}
    turns = row.get(messages)
    chat = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    last = chat[-1] if chat and chat[-1].get("role") == "assistant" else {}
    before = "\n".join(str(turn.get("content", "")) for turn in (chat[:-1] if last else chat))
    return before, {messages: last.get("content")}


def _words(count: int) -> str:
    return f"{count:,} word{'' if count == 1 else 's'}"


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
