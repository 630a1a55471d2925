"""One line of answers.jsonl: an example of the test split and what every system answered.

And of usage.jsonl, which a report has where a server answered: what each answer took.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Doubted(BaseModel):
    """Something an answer says that its input lacks or contradicts.

    Attributes:
        kind: number, dose, date, name, drug, side or negation.
        text: the words of the answer.
        found: what the input says in their place; empty where it says nothing of the kind.
        start, end: their place in the answer, in characters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    text: str
    found: str
    start: int
    end: int


class Answer(BaseModel):
    """What one system answered to one example.

    Attributes:
        text: exactly as written by the system; a label is spelled as in the label set.
        value: parsed: a label, a list of labels, JSON, or the text; None when it could not be.
        score: the primary metric on this example alone, from 0 to 1.
        probability: of the chosen label (classify with a scored label set).
        nll, tokens: negative log-likelihood of the reference in nats, and its number of tokens.
        stopped: the system ended its answer itself, before max_new_tokens.
        doubts: what the input lacks or contradicts (summarize and answer).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    value: Any = None
    score: float = 0.0
    probability: float | None = None
    nll: float | None = None
    tokens: int | None = None
    stopped: bool = True
    doubts: tuple[Doubted, ...] = ()


class AnsweredExample(BaseModel):
    """One test example beside the answers of all systems, by system name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    row: int
    inputs: dict[str, str]
    references: tuple[str, ...]
    answers: dict[str, Answer]


class Usage(BaseModel):
    """What one answer of a server took.

    Attributes:
        seconds: from the first try to the answer, waiting included.
        prompt_tokens, answer_tokens: as the server counted them; None where it did not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


class UsedExample(BaseModel):
    """What the answers to one test example took, by system name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    usage: dict[str, Usage]
