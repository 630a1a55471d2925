"""What a base scores before any tuning, zero-shot and few-shot, on validation examples.

Reads examples and an engine; writes part files alone. The test split plays no part.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from burnish.evaluate.classic import answer_classic
from burnish.evaluate.compare import score_system
from burnish.evaluate.shots import with_shots
from burnish.evaluate.systems import Systems
from burnish.records import Example, ProbedPrompt, SystemName, Task

PROMPTS: tuple[SystemName, ...] = ("zero-shot", "few-shot")
SHOTS = 3
"""Worked examples where the brief shows none."""


def probe_prompts(
    systems: Systems, asked: Sequence[Example], tell: Callable[[str, int], None]
) -> tuple[ProbedPrompt, ...]:
    """Scores of the base's prompts on the examples asked, the better prompt first.

    The number of worked examples is the brief's, not searched: what is chosen on the examples it
    is measured on looks better than it is.

    Args:
        systems: of the task; its engine is opened once for each prompt.
        tell: called with the prompt's name and the number of examples answered.
    """
    task = with_shots(systems.task, systems.task.prompt.shots or SHOTS)
    fixed = task.evaluate.model_copy(update={"search": False})
    systems = replace(systems, task=task.model_copy(update={"evaluate": fixed}), validation=())
    found = []
    for name in PROMPTS:
        began = time.monotonic()
        answered = systems.answer(name, asked, lambda _, done, __, name=name: tell(name, done))  # type: ignore[misc]
        if answered is None:
            continue
        scored = score_system(
            systems.task, systems.labels, name, answered.description, answered.answers, asked
        )
        found.append(
            ProbedPrompt(
                name=name,
                description=answered.description,
                score=scored.scores[task.metric],
                seconds=round(time.monotonic() - began, 1),
            )
        )
    return tuple(sorted(found, key=lambda one: -one.score.value))


def probe_classic(
    task: Task, labels: tuple[str, ...], train: Sequence[Example], asked: Sequence[Example]
) -> tuple[ProbedPrompt, ...]:
    """Scores of the classic baselines on the same examples, the best first.

    Args:
        labels: the label set (classify).
    """
    classic = answer_classic(task, labels, train, (), task.seed, asked)
    return tuple(
        ProbedPrompt(name=one.name, description="Without a language model.", score=one.score)
        for one in (classic.tried if classic else ())
    )
