"""Metrics that a model measures: BERTScore and entailment, where the brief names one for it.

They stand beside the other metrics and cannot decide a verdict. Each model is loaded once, measures
the answers of all systems, and is freed.

Reads answers and examples; writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from burnish.engines.engine import EntailmentModel, TokenEncoder
from burnish.evaluate.bertscore import measure_bertscore
from burnish.evaluate.entailment import measure_entailment
from burnish.evaluate.measured import Measured
from burnish.records import Answer, Example, MeasuringModel


@dataclass(frozen=True)
class MeasuringModels:
    """The models that measure answers.

    Attributes:
        records: what the report says of them.
        encoder, entailment: load one for as long as a context; None where the brief names none.
    """

    records: tuple[MeasuringModel, ...] = ()
    encoder: Callable[[], AbstractContextManager[TokenEncoder]] | None = None
    entailment: Callable[[], AbstractContextManager[EntailmentModel]] | None = None


def measure_by_models(
    models: MeasuringModels,
    answers: Mapping[str, Sequence[Answer]],
    examples: Sequence[Example],
    tell: Callable[[str, int, int], None],
) -> tuple[dict[str, dict[str, Measured]], tuple[MeasuringModel, ...]]:
    """System → metric → figures; and the models, with the number of texts they cut.

    Args:
        answers: system → one answer per example, in the order of `examples`.
        tell: hears what is measured, and how many pairs of texts are done, of how many.
    """
    written = {system: [answer.text for answer in given] for system, given in answers.items()}
    found: dict[str, dict[str, Measured]] = {system: {} for system in written}
    records = models.records
    if models.entailment is not None:
        with models.entailment() as entailment:
            sources = [example.text for example in examples]
            entailed = measure_entailment(
                entailment, written, sources, lambda *done: tell("entailment", *done)
            )
        found = {system: found[system] | entailed[system] for system in found}
    if models.encoder is not None:
        with models.encoder() as encoder:
            references = [example.references for example in examples]
            scored, cut = measure_bertscore(
                encoder, written, references, lambda *done: tell("BERTScore", *done)
            )
        found = {system: found[system] | scored[system] for system in found}
        records = tuple(
            one.model_copy(update={"cut": cut}) if one.measure == "bertscore" else one
            for one in records
        )
    return found, records
