"""The one renderer: examples → messages → token ids and loss mask, through the model's template.

Training, evaluation and serving all render here, so a prompt cannot differ between them; the hash
of rendered prompts is kept in run and report to prove it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from burnish.chat.answers import target_of
from burnish.chat.messages import MessageRenderer
from burnish.errors import BaseModelError
from burnish.records import Example, Message, Task

__all__ = ["Encoded", "Prompt", "Renderer", "target_of"]


class Tokenizer(Protocol):
    """What the renderer needs of a transformers tokenizer."""

    chat_template: str | None
    eos_token: str
    eos_token_id: int
    all_special_tokens: list[str]

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        """Text to token ids."""

    def apply_chat_template(self, conversation: list[dict[str, str]], **options: Any) -> Any:
        """Messages to text."""

    def save_pretrained(self, save_directory: str) -> Any:
        """Write its files to a folder."""

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """Token ids to text."""


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt: its token ids, and whether an input was cut to make it fit."""

    ids: list[int]
    truncated: bool


@dataclass(frozen=True)
class Fitted:
    """An example, cut where that was needed, and the token ids of its prompt."""

    example: Example
    ids: list[int]
    truncated: bool


@dataclass(frozen=True)
class Encoded:
    """A rendered example.

    Attributes:
        ids: prompt and answer, with the end token [tokens].
        trained: which tokens carry a loss [tokens].
        truncated: an input was cut so that the answer fits.
        weight: of its losses; 1 is an example like any other.
    """

    ids: list[int]
    trained: list[bool]
    truncated: bool
    weight: float = 1.0


class Renderer(MessageRenderer):
    """Renders examples of one task for one tokenizer.

    Args:
        max_length: most tokens of prompt and answer together; a longer example has its longest
            input cut at its end, never its answer.

    Raises:
        BaseModelError: the tokenizer has no chat template.
    """

    def __init__(self, tokenizer: Tokenizer, task: Task, *, max_length: int | None = None) -> None:
        if not tokenizer.chat_template:
            raise BaseModelError(
                f"{task.base} has no chat template, so its prompts cannot be rendered.",
                hint="choose an instruction-tuned base model",
            )
        super().__init__(task)
        self.tokenizer = tokenizer
        self.max_length = max_length or task.train.max_length
        self._specials = [token for token in tokenizer.all_special_tokens if len(token) > 1]

    def for_task(self, task: Task) -> "Renderer":
        """The same renderer for another form of the task, such as another instruction."""
        return Renderer(self.tokenizer, task, max_length=self.max_length)

    def prompt(
        self, example: Example, shots: Sequence[Example] = (), *, answer_tokens: int
    ) -> Prompt:
        """Token ids of the prompt, ending where the assistant's answer begins.

        Args:
            shots: worked examples; an example that does not fit beside them loses the last ones.
            answer_tokens: room kept for the answer within `max_length` (worked examples raise
                the limit by their own length).
        """
        fitted = self.fitted(example, shots, answer_tokens=answer_tokens)
        return Prompt(fitted.ids, fitted.truncated)

    def fitted(
        self, example: Example, shots: Sequence[Example] = (), *, answer_tokens: int
    ) -> Fitted:
        """The example whose prompt fits, with that prompt; see `prompt`."""
        ids = self._prompt_ids(self.messages(example, shots))
        room = self.max_length - answer_tokens
        if shots:
            room += len(ids) - len(self._prompt_ids(self.messages(example)))
        if len(ids) <= room:
            return Fitted(example, ids, truncated=False)
        return self._cut_to_fit(example, shots, room, len(ids))

    def encode(self, example: Example) -> Encoded:
        """Token ids and loss mask of a training example.

        The assistant's answer and its end token carry the loss; earlier assistant turns of a chat
        do too where the template renders a chat as a continuation of its own beginning. An answer
        too long for `max_length` even with an empty input comes back with no trained token.
        """
        answer = self._answer_ids(example.answer)
        prompt = self.prompt(example, answer_tokens=len(answer))
        if len(prompt.ids) + len(answer) > self.max_length:
            return Encoded(prompt.ids, [False] * len(prompt.ids), truncated=True)
        trained = [False] * len(prompt.ids)
        if not prompt.truncated:
            for start, stop in self._earlier_answers(example, prompt.ids):
                trained[start:stop] = [True] * (stop - start)
        return Encoded(prompt.ids + answer, trained + [True] * len(answer), prompt.truncated)

    def answer_ids(self, answer: str) -> list[int]:
        """Token ids of an answer with its end token, as they follow a prompt."""
        return self._answer_ids(answer)

    def prompt_hash(self, examples: Sequence[Example]) -> str:
        """SHA-256 over the token ids of the examples' prompts, in order."""
        digest = hashlib.sha256()
        for example in examples:
            ids = self.prompt(example, answer_tokens=0).ids
            digest.update((",".join(map(str, ids)) + "\n").encode())
        return digest.hexdigest()

    def text(self, ids: Sequence[int]) -> str:
        """What the model wrote, without control tokens."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def neutral(self, text: str) -> str:
        """User text in which no control token can be read: a space splits its name."""
        for token in self._specials:
            if token in text:
                text = text.replace(token, token[0] + " " + token[1:])
        return text

    def _render(self, messages: Sequence[Message], *, generation: bool) -> str:
        chat = [{"role": turn.role, "content": self.neutral(turn.content)} for turn in messages]
        return str(
            self.tokenizer.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=generation
            )
        )

    def _prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        text = self._render(messages, generation=True)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _answer_ids(self, answer: str) -> list[int]:
        ids = self.tokenizer(self.neutral(answer), add_special_tokens=False)["input_ids"]
        return [*ids, self.tokenizer.eos_token_id]

    def _earlier_answers(self, example: Example, prompt: list[int]) -> list[tuple[int, int]]:
        """Token spans of assistant turns in the history, each with its end token."""
        spans = []
        messages = self.messages(example)
        for index, turn in enumerate(messages):
            if turn.role != "assistant":
                continue
            before = self._prompt_ids(messages[:index])
            answer = self._answer_ids(turn.content)
            if prompt[: len(before) + len(answer)] == before + answer:
                spans.append((len(before), len(before) + len(answer)))
        return spans

    def _cut_to_fit(
        self, example: Example, shots: Sequence[Example], room: int, length: int
    ) -> Fitted:
        """The example with the end of its longest input cut until it fits into `room` tokens."""
        keep = 1.0
        while True:
            keep *= max(0.5, min(0.98, room / length)) if room > 0 else 0.0
            shorter = _shorten(example, keep)
            ids = self._prompt_ids(self.messages(shorter, shots))
            if len(ids) <= room or keep < 1e-3:
                return Fitted(shorter, ids, truncated=True)
            length = len(ids)


def _shorten(example: Example, keep: float) -> Example:
    """The example with its longest input (or longest earlier turn) cut to a share of it."""
    if example.history:
        longest = max(range(len(example.history)), key=lambda i: len(example.history[i].content))
        turns = list(example.history)
        content = turns[longest].content
        turns[longest] = turns[longest].model_copy(
            update={"content": content[: int(len(content) * keep)]}
        )
        return example.model_copy(update={"history": tuple(turns)})
    name = max(example.inputs, key=lambda key: len(example.inputs[key]))
    text = example.inputs[name]
    return example.model_copy(
        update={"inputs": example.inputs | {name: text[: int(len(text) * keep)]}}
    )
