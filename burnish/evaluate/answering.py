"""Have one system answer every test example, in batches that a killed run need not repeat.

Reads examples and an engine; appends each finished batch to a part file. Batches are cut by
content alone, so a run taken up again makes the same batches.
"""

from array import array
from collections.abc import Callable, Sequence, Sized
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from burnish.chat.answers import NO_LABELS, parse
from burnish.chat.render import Renderer
from burnish.engines.engine import Constraint, Engine
from burnish.records import Answer, Example, Task, Usage
from burnish.store.files import append_lines, read_finished_lines, write_lines


class Part(BaseModel):
    """One line of a part file: the answer to the example at `index`, and what a server took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    answer: Answer
    usage: Usage | None = None


def answer_examples(
    task: Task,
    labels: tuple[str, ...],
    examples: Sequence[Example],
    *,
    engine: Engine,
    renderer: Renderer,
    shots: Sequence[Example],
    own_shots: Sequence[Sequence[Example]] = (),
    parts: Path,
    tell: Callable[[int], None],
) -> list[Answer]:
    """Answers to all examples, in their order.

    Args:
        labels: the label set (classify).
        shots: worked examples put before each prompt.
        own_shots: instead of them, those of each example, in the order of `examples`.
        parts: JSONL file of finished batches; what it holds is not asked again.
        tell: called with the number of examples answered so far.
    """
    shown = own_shots or [shots] * len(examples)
    prompts = [  # arrays: a list would take twice as much or more
        array("i", renderer.prompt(example, several, answer_tokens=0).ids)
        for example, several in zip(examples, shown, strict=True)
    ]
    done = {part.index: part.answer for part in read_finished_lines(parts, Part)}
    write_lines(parts, [Part(index=index, answer=answer) for index, answer in done.items()])
    tell(len(done))
    for batch in batches(prompts, task.evaluate.batch_size):
        if all(index in done for index in batch):
            continue
        answers = _answer_batch(
            task,
            labels,
            [examples[index] for index in batch],
            [prompts[index].tolist() for index in batch],
            engine,
            renderer,
        )
        done |= dict(zip(batch, answers, strict=True))
        append_lines(parts, [Part(index=index, answer=done[index]) for index in batch])
        tell(len(done))
    return [done[index] for index in range(len(examples))]


def batches(prompts: Sequence[Sized], most: int) -> list[list[int]]:
    """Indices of examples answered together: the longest prompts first, alike in length.

    Args:
        most: examples of a batch.
    """
    order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
    return [order[start : start + most] for start in range(0, len(order), most)]


def _answer_batch(
    task: Task,
    labels: tuple[str, ...],
    examples: Sequence[Example],
    prompts: Sequence[list[int]],
    engine: Engine,
    renderer: Renderer,
) -> list[Answer]:
    if task.kind == "classify" and not task.multi_label:
        return _choose_labels(labels, examples, prompts, engine, renderer)
    references = [renderer.answer_ids(example.answer) for example in examples]
    losses = engine.losses(prompts, references)
    constraint = label_lines(labels, renderer) if task.kind == "classify" else None
    written = engine.write(
        prompts, max_new_tokens=task.evaluate.max_new_tokens, constraint=constraint
    )
    answers = []
    for one, loss, reference in zip(written, losses, references, strict=True):
        text = renderer.text(one.ids)
        answers.append(
            Answer(
                text=text,
                value=parse(task, text),
                nll=loss,
                tokens=len(reference),
                stopped=one.stopped,
            )
        )
    return answers


def _choose_labels(
    labels: tuple[str, ...],
    examples: Sequence[Example],
    prompts: Sequence[list[int]],
    engine: Engine,
    renderer: Renderer,
) -> list[Answer]:
    """The likeliest label of each example; always one of the set.

    Every label with its end token is scored after the prompt, so the choice is that of an exact
    search through all labels, and the probability is the label's share of the whole set.
    """
    import numpy as np

    endings = [renderer.answer_ids(label) for label in labels]
    answers = []
    for example, scores in zip(examples, engine.choose(prompts, endings), strict=True):
        logs = np.array(scores)
        shares = np.exp(logs - logs.max())
        best = int(logs.argmax())
        known = example.answer in labels
        reference = labels.index(example.answer) if known else best
        answers.append(
            Answer(
                text=labels[best],
                value=labels[best],
                probability=float(shares[best] / shares.sum()),
                nll=float(-logs[reference]) if known else None,
                tokens=len(endings[reference]) if known else None,
            )
        )
    return answers


def label_lines(labels: tuple[str, ...], renderer: Renderer) -> Constraint:
    """Lets a model write only labels of the set, one a line, each once, in sorted order.

    An empty set is written as `NO_LABELS`.
    """
    end = renderer.answer_ids("")[-1]
    newline = renderer.answer_ids("\n")[:-1]
    spelled = [renderer.answer_ids(label)[:-1] for label in sorted(labels)]
    nothing = renderer.answer_ids(NO_LABELS)[:-1]

    def allowed(written: list[int]) -> list[int]:
        next_ids: set[int] = set()
        # Every way to read what is written: (tokens read, next label that may still come).
        states = [(0, 0)]
        while states:
            at, first = states.pop()
            rest = written[at:]
            for number in range(first, len(spelled)):
                ids = spelled[number]
                if rest[: len(ids)] == ids:
                    after = rest[len(ids) :]
                    if not after:
                        next_ids |= {end, *newline[:1]} if number + 1 < len(spelled) else {end}
                    elif after[: len(newline)] == newline:
                        states.append((at + len(ids) + len(newline), number + 1))
                    elif newline[: len(after)] == after:
                        next_ids.add(newline[len(after)])
                elif ids[: len(rest)] == rest:
                    next_ids.add(ids[len(rest)])
            if at == 0 and rest == nothing:
                next_ids.add(end)
            elif at == 0 and nothing[: len(rest)] == rest:
                next_ids.add(nothing[len(rest)])
        return sorted(next_ids)

    return allowed
