"""One system after the other answers the test split; prompts are chosen on validation before.

parts/<system>.jsonl          finished batches of the system's answers
parts/<system>.<form>.jsonl   its answers to validation examples, where several forms are tried

Reads examples and engines; writes part files alone.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from burnish.chat.messages import MessageRenderer
from burnish.chat.render import Renderer
from burnish.engines.engine import ChatEngine, Engine
from burnish.evaluate.answering import answer_examples
from burnish.evaluate.asking import ask_examples
from burnish.evaluate.choosing import choose
from burnish.evaluate.classic import answer_classic
from burnish.evaluate.instructions import candidate_instructions
from burnish.evaluate.shots import choose_shots, counts_tried, similar_shots, with_shots
from burnish.records import Answer, Example, SystemName, Task, Tried, Usage

MakeEngine = Callable[[SystemName], AbstractContextManager[Engine | ChatEngine]]
"""Gives the engine of a system; leaving the context frees the model."""

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how many examples are done, and of how many."""


class Answered(NamedTuple):
    """A system's answers, what it is, what each took where a server gave it, and what was tried."""

    answers: list[Answer]
    description: str
    usage: list[Usage]
    tried: tuple[Tried, ...] = ()


class _Form(NamedTuple):
    """One form that a prompt may take: the task as it stands then, and whose shots are shown."""

    task: Task
    description: str


@dataclass(frozen=True)
class Systems:
    """All that the systems of a task answer with.

    Attributes:
        labels: the label set (classify).
        train: where worked examples come from, and what classic baselines learn from.
        validation: what forms are compared on; of prompts, its first `evaluate.search_examples`.
        renderer: a `Renderer`, unless every engine takes messages.
        parts: folder of the part files.
    """

    task: Task
    labels: tuple[str, ...]
    train: Sequence[Example]
    validation: Sequence[Example]
    engine_of: MakeEngine
    renderer: MessageRenderer
    parts: Path

    def answer(
        self, system: SystemName, examples: Sequence[Example], tell: Tell
    ) -> Answered | None:
        """One system's answers to all examples; None where a kind has no such system."""
        if system == "classic":
            classic = answer_classic(
                self.task, self.labels, self.train, examples, self.task.seed, self.validation
            )
            return None if classic is None else Answered(*classic[:2], [], classic.tried)
        forms = self._forms(system)
        with self.engine_of(system) as engine:
            name, tried = self._choose(system, forms, engine, tell)
            form = forms[name]
            answers, usage = self._ask(
                system, form, engine, examples, self.parts / f"{system}.jsonl",
                lambda done: tell("answers", done, len(examples)),
            )  # fmt: skip
        description = form.description
        if usage:
            if system == "tuned":
                description = "The model that the provider tuned from the base."
            description += " A server gives no probabilities, so there is no perplexity."
        return Answered(answers, description, usage, tried)

    def _forms(self, system: SystemName) -> dict[str, _Form]:
        """Name → form; the first is the one without any search."""
        task = self.task
        if system == "tuned":
            whole = task.train.method == "full"
            trained = "all its weights trained" if whole else "the trained adapter"
            return {"": _Form(task, f"The base model with {trained}.")}
        if system == "zero-shot":
            return {"": _Form(task, "The base model with the instruction alone.")}
        if system == "improved-prompt":
            return {
                name: _Form(
                    task.model_copy(
                        update={"prompt": task.prompt.model_copy(update={"system": text})}
                    ),
                    f"The base model with the best of several instructions on validation: {text}",
                )
                for name, text in candidate_instructions(task, self.labels, self.train).items()
            }
        of = ", those most like each input" if system == "few-shot-similar" else ""
        return {
            f"{count} examples": _Form(
                with_shots(task, count),
                f"The base model with the instruction and {count} worked examples{of}.",
            )
            for count in counts_tried(task, self.train)
        }

    def _choose(
        self,
        system: SystemName,
        forms: dict[str, _Form],
        engine: Engine | ChatEngine,
        tell: Tell,
    ) -> tuple[str, tuple[Tried, ...]]:
        """The form with the best score on validation, and the scores of all."""
        known = self.validation[: self.task.evaluate.search_examples]
        if len(forms) == 1 or not known:
            return next(iter(forms)), ()
        answers = {}
        for place, (name, form) in enumerate(forms.items()):
            before, total = place * len(known), len(forms) * len(known)
            answers[name], _ = self._ask(
                system, form, engine, known, self.parts / f"{system}.{place}.jsonl",
                lambda done, before=before, total=total: tell(  # type: ignore[misc]
                    "tries prompts on validation", before + done, total
                ),
            )  # fmt: skip
        return choose(self.task, self.labels, answers, known)

    def _ask(
        self,
        system: SystemName,
        form: _Form,
        engine: Engine | ChatEngine,
        examples: Sequence[Example],
        parts: Path,
        tell: Callable[[int], None],
    ) -> tuple[list[Answer], list[Usage]]:
        task, train = form.task, self.train
        renderer = self.renderer.for_task(task)
        shots = choose_shots(task, train) if system == "few-shot" else []
        own = similar_shots(task, train, examples) if system == "few-shot-similar" else []
        if isinstance(engine, ChatEngine):
            return ask_examples(
                task, self.labels, examples, engine=engine, renderer=renderer, shots=shots,
                own_shots=own, parts=parts, tell=tell,
            )  # fmt: skip
        answers = answer_examples(
            task, self.labels, examples, engine=engine,
            renderer=cast(Renderer, renderer),  # as the docstring asks for
            shots=shots, own_shots=own, parts=parts, tell=tell,
        )  # fmt: skip
        return answers, []
