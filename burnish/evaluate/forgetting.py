"""Forgetting: what the tuned model lost of what its base could do before.

Both answer the prompts of the general set and are scored on its texts, without the task's
instruction. Perplexity is over texts as they stand, each after its first token. Where the brief
names tasks of lm-evaluation-harness, both answer these too. A brief is warned where perplexity rose
by more than it allows, where fewer prompts are answered as asked and chance does not explain it, or
where a task's loss lies beyond what is allowed. The verdict stays what it is: a specialist may
forget what it is never asked, but its owner should know.

Reads engines; writes nothing.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from burnish.chat.render import Renderer
from burnish.engines.engine import ChatEngine, Engine
from burnish.engines.harness import Harness, Scored
from burnish.evaluate.general_set import INSTRUCTIONS, LONGEST, TEXTS
from burnish.evaluate.harness_tasks import compare_tasks, lost_tasks
from burnish.evaluate.measured import Array
from burnish.evaluate.significance import mcnemar
from burnish.evaluate.statistics import paired_margin
from burnish.evaluate.systems import MakeEngine
from burnish.records import (
    EvaluateSettings,
    Example,
    Forgetting,
    Message,
    PromptSettings,
    SystemName,
    Task,
    Verdict,
)


class _Kept(NamedTuple):
    """What one model does on the general set: nats and tokens [texts, 2], passed [prompts].

    And on each task of lm-evaluation-harness.
    """

    losses: Array
    passed: list[bool]
    tasks: dict[str, Scored] = {}


def measure_forgetting(
    task: Task,
    engine_of: MakeEngine,
    renderer: Renderer,
    tell: Callable[[str], None],
    harness: Harness | None = None,
) -> Forgetting | None:
    """The tuned model against its base; None where an engine does not score, as at a provider.

    Args:
        tell: called with the name of the model that is at work.
        harness: further tasks to ask both.

    Raises:
        EvaluationError: the harness stops at one of its tasks.
    """
    bare = task.model_copy(update={"prompt": PromptSettings()})
    kept: list[_Kept] = []
    systems: tuple[SystemName, ...] = ("zero-shot", "tuned")
    for system in systems:
        tell(system)
        with engine_of(system) as engine:
            if isinstance(engine, ChatEngine):
                return None
            found = _keep(engine, renderer.for_task(bare), task.evaluate.batch_size)
            tasks = harness.answer(engine, renderer.tokenizer) if harness else {}
            kept.append(found._replace(tasks=tasks))
    version = harness.version if harness else ""
    return compare_kept(task, *kept).model_copy(update={"harness_version": version})


def compare_kept(task: Task, base: _Kept, tuned: _Kept) -> Forgetting:
    """What was kept by both models, put side by side."""
    # The margin is that of mean losses: exp of it is the ratio of the perplexities.
    margin = paired_margin(
        tuned.losses, base.losses, 1.0, _mean_loss,
        resamples=task.evaluate.resamples, seed=task.seed, bounds=(0.0, math.inf),
    )  # fmt: skip
    before, after = (float(np.exp(_mean_loss(each.losses.sum(axis=0)))) for each in (base, tuned))
    names = [instruction.id for instruction in INSTRUCTIONS]
    pairs = list(zip(names, base.passed, tuned.passed, strict=True))
    lost = tuple(name for name, had, has in pairs if had and not has)
    gained = tuple(name for name, had, has in pairs if has and not had)
    found = Forgetting(
        texts=len(TEXTS),
        tokens=int(base.losses[:, 1].sum()),
        base_perplexity=before,
        tuned_perplexity=after,
        rise=math.expm1(margin.value),
        rise_low=math.expm1(margin.low),
        rise_high=math.expm1(margin.high),
        prompts=len(INSTRUCTIONS),
        base_passed=sum(base.passed),
        tuned_passed=sum(tuned.passed),
        lost=lost,
        gained=gained,
        p_value=mcnemar(len(lost), len(gained)),
        harness=compare_tasks(task, base.tasks, tuned.tasks),
        warning="",
    )
    return found.model_copy(update={"warning": _warning(found, task.evaluate)})


def warned(verdict: Verdict, found: Forgetting | None) -> Verdict:
    """The verdict, its reason followed by the warning where there is one."""
    if found is None or not found.warning:
        return verdict
    return verdict.model_copy(update={"reason": f"{verdict.reason} {found.warning}"})


def _keep(engine: Engine, renderer: Renderer, batch_size: int) -> _Kept:
    texts = [renderer.answer_ids(text)[:-1] for text in TEXTS]
    losses = engine.losses([ids[:1] for ids in texts], [ids[1:] for ids in texts])
    counts = [len(ids) - 1 for ids in texts]
    answers = _answers(engine, renderer, batch_size)
    passed = [each.check(text) for each, text in zip(INSTRUCTIONS, answers, strict=True)]
    return _Kept(np.array(list(zip(losses, counts, strict=True)), dtype=np.float64), passed)


def _answers(engine: Engine, renderer: Renderer, batch_size: int) -> list[str]:
    prompts = [
        renderer.prompt(_asked(each.prompt), answer_tokens=LONGEST).ids for each in INSTRUCTIONS
    ]
    written: list[str] = []
    for start in range(0, len(prompts), batch_size):
        batch = prompts[start : start + batch_size]
        written += [renderer.text(one.ids) for one in engine.write(batch, max_new_tokens=LONGEST)]
    return written


def _asked(prompt: str) -> Example:
    return Example(
        id="", source="", row=0, history=(Message(role="user", content=prompt),), answer="",
        references=(),
    )  # fmt: skip


def _mean_loss(sums: Array) -> Array:
    """Sums [..., 2] of nats and tokens → nats per token [...]."""
    result: Array = sums[..., 0] / sums[..., 1]
    return result


def _warning(found: Forgetting, settings: EvaluateSettings) -> str:
    faults: Sequence[str] = [
        *(
            [
                f"perplexity on general texts rose from {found.base_perplexity:.1f} to "
                f"{found.tuned_perplexity:.1f}"
            ]
            if found.rise > settings.most_forgetting
            else []
        ),
        *(
            [
                f"{found.tuned_passed} of {found.prompts} general prompts are answered as asked, "
                f"where the base had {found.base_passed}"
            ]
            if len(found.lost) > len(found.gained) and found.p_value < 0.05
            else []
        ),
        *lost_tasks(found.harness, settings.most_harness_loss),
    ]
    return f"It has forgotten more than allowed: {', and '.join(faults)}." if faults else ""
