"""What a tuned model lost of what its base could do: Forgetting."""

from pydantic import BaseModel, ConfigDict


class HarnessScore(BaseModel):
    """Tuned model and base on one task of lm-evaluation-harness, paired over the same examples.

    Attributes:
        metric: the first of the task's metrics that is a mean over examples.
        version: of the task, as the harness counts them.
        shots: worked examples put before each prompt.
        n: examples answered.
        difference, low, high: tuned minus base, with its 95% interval.
        p_value: of the paired test.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    metric: str
    higher_is_better: bool
    version: str
    shots: int
    n: int
    base: float
    tuned: float
    difference: float
    low: float
    high: float
    p_value: float


class Forgetting(BaseModel):
    """The tuned model against its base on the general set that comes with Burnish.

    Attributes:
        texts, tokens: how many texts, and tokens of them, the perplexities are over.
        base_perplexity, tuned_perplexity: of general English texts.
        rise, rise_low, rise_high: tuned / base - 1, with its 95% interval over the texts.
        prompts: how many prompts have an answer that rules can check.
        base_passed, tuned_passed: how many of them were answered as the rules ask.
        lost, gained: ids of prompts that only the base, and only the tuned model, answered so.
        p_value: of the difference in passed prompts (McNemar's mid-p test).
        harness: tasks of lm-evaluation-harness, where the brief names any.
        harness_version: of the harness that asked them.
        warning: a sentence where more was lost than the brief allows; else "".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: int
    tokens: int
    base_perplexity: float
    tuned_perplexity: float
    rise: float
    rise_low: float
    rise_high: float
    prompts: int
    base_passed: int
    tuned_passed: int
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    p_value: float
    harness: tuple[HarnessScore, ...] = ()
    harness_version: str = ""
    warning: str
