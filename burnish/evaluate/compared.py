"""Have every model that the brief compares with answer the test examples over HTTP.

Reads examples and chat engines; appends each answer to a part file of its model. A model whose
server fails keeps its answers, and those after it are asked all the same.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from burnish.chat.messages import MessageRenderer
from burnish.engines.engine import ChatEngine
from burnish.errors import ServerError
from burnish.evaluate.answering import Part
from burnish.evaluate.asking import ask_examples
from burnish.evaluate.shots import choose_shots
from burnish.records import Answer, CompareSettings, Example, Task, Usage
from burnish.store.files import read_finished_lines

MakeChatEngine = Callable[[CompareSettings], AbstractContextManager[ChatEngine]]


class Compared(NamedTuple):
    """One compared model's answers, what it is, and what each answer took."""

    answers: list[Answer]
    description: str
    usage: list[Usage]


def ask_compared(
    task: Task,
    labels: tuple[str, ...],
    train: Sequence[Example],
    examples: Sequence[Example],
    *,
    engine_of: MakeChatEngine,
    renderer: MessageRenderer,
    parts: Path,
    tell: Callable[[str, int], None],
) -> dict[str, Compared]:
    """What every model of `task.compare` answered, by its name.

    Args:
        train: where worked examples come from.
        parts: folder of the part files.
        tell: called with a model's name and the number of examples it has answered.

    Raises:
        ServerError: naming each model whose server failed, with the number of answers kept.
    """
    found: dict[str, Compared] = {}
    failed: list[tuple[str, ServerError]] = []
    for compared in task.compare:
        path = parts / f"{compared.name}.jsonl"
        shown = {"shots": compared.shots}
        prompt = task.model_copy(update={"prompt": task.prompt.model_copy(update=shown)})
        shots = choose_shots(prompt, train) if compared.shots else []
        try:
            with engine_of(compared) as engine:
                answers, usage = ask_examples(
                    task,
                    labels,
                    examples,
                    engine=engine,
                    renderer=renderer,
                    shots=shots,
                    parts=path,
                    tell=lambda done, name=compared.name: tell(name, done),  # type: ignore[misc]
                )
        except ServerError as error:
            kept = len(read_finished_lines(path, Part))
            told = f"{error.message} {kept:,} of {len(examples):,} answers are kept."
            failed.append((f"The compared model {compared.name!r}: {told}", error))
            continue
        found[compared.name] = Compared(answers, _description(compared, len(shots)), usage)
    if failed:
        first, cause = failed[0]
        raise ServerError(
            " ".join([first, *(told for told, _ in failed[1:])]),
            hint=f"{cause.hint or 'the same command goes on where it stopped'}; to do without the "
            "model, take it out of compare in burnish.yaml",
            status=cause.status,
        ) from cause
    return found


def _description(compared: CompareSettings, shots: int) -> str:
    worked = f" and {shots} worked examples" if shots else " alone"
    return (
        f"{compared.model.removeprefix('openai-compatible:')}, with the instruction{worked}. "
        "A server gives no probabilities, so there is no perplexity."
    )
