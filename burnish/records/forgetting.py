"""What a tuned model lost of what its base could do: Forgetting."""

from pydantic import BaseModel, ConfigDict


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
    warning: str
