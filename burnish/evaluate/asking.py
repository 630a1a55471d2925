"""Have a model behind a URL answer every test example, each kept as soon as it is there.

Reads examples and a chat engine; appends each answer to a part file, since it has been paid for.
A server scores nothing, so these answers have no probability and no perplexity. It writes freely:
a label counts where the answer is that label, but for case, quotes and a full stop.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from burnish.chat.answers import parse
from burnish.chat.messages import MessageRenderer
from burnish.engines.engine import ChatEngine, Said
from burnish.evaluate.answering import Part
from burnish.records import Answer, Example, Task, Usage
from burnish.store.files import append_lines, read_finished_lines, write_lines

_CHATS_HELD = 256
"""Most chats in memory at once."""


def ask_examples(
    task: Task,
    labels: tuple[str, ...],
    examples: Sequence[Example],
    *,
    engine: ChatEngine,
    renderer: MessageRenderer,
    shots: Sequence[Example],
    own_shots: Sequence[Sequence[Example]] = (),
    parts: Path,
    tell: Callable[[int], None],
) -> tuple[list[Answer], list[Usage]]:
    """Answers to all examples, in their order, and what each took.

    Args:
        labels: the label set (classify).
        shots: worked examples put before each prompt.
        own_shots: instead of them, those of each example, in the order of `examples`.
        parts: JSONL file of finished answers; what it holds is not asked again.
        tell: called with the number of examples answered so far.

    Raises:
        ServerError: the server does not answer; what it has answered is kept in `parts`.
    """
    done = {part.index: part for part in read_finished_lines(parts, Part)}
    write_lines(parts, done.values())
    tell(len(done))
    shown = own_shots or [shots] * len(examples)
    left = [index for index in range(len(examples)) if index not in done]
    for start in range(0, len(left), _CHATS_HELD):
        held = left[start : start + _CHATS_HELD]

        def heard(place: int, said: Said, held: list[int] = held) -> None:
            index = held[place]
            done[index] = Part(index=index, answer=_answer(task, labels, said), usage=said.usage)
            append_lines(parts, [done[index]])
            tell(len(done))

        engine.answer(
            [renderer.messages(examples[index], shown[index]) for index in held],
            max_new_tokens=task.evaluate.max_new_tokens,
            heard=heard,
        )
    ordered = [done[index] for index in range(len(examples))]
    return [part.answer for part in ordered], [part.usage or Usage(seconds=0) for part in ordered]


def _answer(task: Task, labels: tuple[str, ...], said: Said) -> Answer:
    text = said.text
    if task.kind == "classify" and task.multi_label:
        text = "\n".join(spelled(line, labels) for line in text.splitlines())
    elif task.kind == "classify":
        text = spelled(text, labels)
    return Answer(text=text, value=parse(task, text), stopped=said.stopped)


def spelled(text: str, labels: Sequence[str]) -> str:
    """The label that a text stands for, as the label set spells it; else the text itself."""
    if text.strip() in labels:
        return text.strip()
    meant = [label for label in labels if _bare(label) == _bare(text)]
    return meant[0] if len(meant) == 1 else text


def _bare(text: str) -> str:
    return text.strip().strip("\"'`*.").strip().casefold()
