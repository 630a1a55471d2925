"""The proof that exported weights answer like the tuned ones, over validation prompts in float32.

Both see the same token ids. The tuned weights' logits lie in a temporary folder meanwhile, so that
no two models are in memory at once. Reads examples and engines; keeps nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from burnish.chat.render import Renderer
from burnish.engines.local import LocalEngine
from burnish.errors import ExportError
from burnish.export.forms import MERGE
from burnish.records import Bounds, Example, Parity

MOST_TOKENS = 64
"""Tokens of a reference that are looked at; bounds the disk that the logits take."""

Answering = Callable[[LocalEngine, Renderer], list[str]]
"""Greedy answers to the compared examples, in their order, as evaluation asks for them."""


@dataclass(frozen=True)
class Probe:
    """A rendered validation prompt and the beginning of its reference answer, as token ids."""

    prompt: list[int]
    reference: list[int]


@dataclass(frozen=True)
class Tuned:
    """What the tuned weights said.

    Attributes:
        logits: a file of float32 [reference tokens, vocabulary] for each probe.
    """

    probes: list[Probe]
    logits: list[Path]
    answers: list[str]


@dataclass(frozen=True)
class Gap:
    """How far two systems' logits are apart, over all probes."""

    positions: int
    largest: float
    mean: float
    mean_kl: float


def make_probes(renderer: Renderer, examples: Sequence[Example]) -> list[Probe]:
    """The prompts, each with at most `MOST_TOKENS` of its reference."""
    return [
        Probe(
            renderer.prompt(example, answer_tokens=0).ids,
            renderer.answer_ids(example.answer)[:MOST_TOKENS],
        )
        for example in examples
    ]


def read_tuned(
    engine: LocalEngine, renderer: Renderer, probes: list[Probe], answer: Answering, folder: Path
) -> Tuned:
    """Have the tuned weights read every probe and answer every prompt.

    Args:
        folder: where the logits may lie until the proof is done.
    """
    files = []
    for number, probe in enumerate(probes):
        files.append(folder / f"{number}.pt")
        torch.save(engine.logits(probe.prompt, probe.reference), files[-1])
    return Tuned(probes, files, answer(engine, renderer))


def measure_gap(engine: LocalEngine, tuned: Tuned) -> Gap:
    """Compare an engine's logits with those of the tuned weights.

    Raises:
        ExportError: the engine has another vocabulary.
    """
    largest, total, kl, positions, values = 0.0, 0.0, 0.0, 0, 0
    for probe, file in zip(tuned.probes, tuned.logits, strict=True):
        expected = torch.load(file)
        found = engine.logits(probe.prompt, probe.reference)
        if found.shape != expected.shape:
            raise ExportError(
                f"The exported model has {found.shape[1]:,} tokens; the tuned one has "
                f"{expected.shape[1]:,}."
            )
        apart = (found - expected).abs()
        largest = max(largest, float(apart.max()))
        total += float(apart.sum(dtype=torch.float64))
        values += apart.numel()
        truth, guess = expected.double().log_softmax(-1), found.double().log_softmax(-1)
        kl += float((truth.exp() * (truth - guess)).sum())
        positions += len(expected)
    # Rounding can leave a sum of true zeros a hair below 0.
    return Gap(positions, largest, total / values, max(kl / positions, 0.0))


def check_merge(engine: LocalEngine, tuned: Tuned) -> float:
    """The largest logit difference of merged weights in float32, before they are written.

    Raises:
        ExportError: it is more than the order of additions explains.
    """
    gap = measure_gap(engine, tuned)
    if not gap.largest <= MERGE:
        raise ExportError(
            f"The merged weights are not the tuned ones: logits differ by up to {gap.largest:.3g} "
            f"over {len(tuned.probes)} validation prompts, where {MERGE:g} is the bound "
            f"(mean {gap.mean:.3g}, KL divergence {gap.mean_kl:.3g} nats).",
            hint="burnish export --form adapter needs no merge",
        )
    return gap.largest


def prove(
    engine: LocalEngine,
    renderer: Renderer,
    tuned: Tuned,
    answer: Answering,
    *,
    prompt_hash: str,
    bounds: Bounds,
    merge: float | None,
) -> Parity:
    """Hold loaded files to their bounds.

    Args:
        engine, renderer: over the files that were loaded back.
        prompt_hash: of all validation prompts, rendered with the exported tokenizer.
        merge: what `check_merge` found, where something was merged.

    Raises:
        ExportError: a bound is broken; the message has all figures.
    """
    gap = measure_gap(engine, tuned)
    answers = answer(engine, renderer)
    equal = sum(one == other for one, other in zip(answers, tuned.answers, strict=True))
    parity = Parity(
        n=len(tuned.probes),
        prompt_hash=prompt_hash,
        positions=gap.positions,
        max_logit_difference=gap.largest,
        mean_logit_difference=gap.mean,
        mean_kl=gap.mean_kl,
        equal_answers=equal,
        merge_difference=merge,
        bounds=bounds,
    )
    broken = _broken(parity)
    if broken:
        raise ExportError(
            f"The exported files do not answer like the tuned weights over {parity.n} validation "
            f"prompts ({parity.positions:,} positions), so they were removed: {'; '.join(broken)}.",
            hint="choose a finer --precision",
        )
    return parity


def refuse_other_prompts(found: str, expected: str) -> None:
    """Raise ExportError where the exported tokenizer renders otherwise than in training."""
    if found != expected:
        raise ExportError(
            "The exported tokenizer renders the validation prompts otherwise than training did "
            f"(hash {found[:12]}, then {expected[:12]}), so nothing was exported.",
            hint="if the base's tokenizer was changed, type burnish base --force and train again",
        )


def _broken(parity: Parity) -> list[str]:
    """A sentence for each bound that does not hold; not-a-number holds none."""
    bounds, faults = parity.bounds, []
    most = bounds.max_logit_difference
    if most is not None and not parity.max_logit_difference <= most:
        faults.append(
            f"largest logit difference {parity.max_logit_difference:.3g}, bound {most:g}"
            f" (mean {parity.mean_logit_difference:.3g})"
        )
    if not parity.mean_kl <= bounds.mean_kl:
        faults.append(f"KL divergence {parity.mean_kl:.3g} nats, bound {bounds.mean_kl:g}")
    if not parity.equal_answers >= bounds.equal_answers * parity.n:
        faults.append(
            f"{parity.equal_answers} of {parity.n} greedy answers equal, bound "
            f"{bounds.equal_answers:.0%}"
        )
    return faults
