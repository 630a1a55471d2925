"""Examples → messages: the chat that every engine is given, as token ids or as it stands.

The local engine's `Renderer` builds on it; a server, which renders its own template, gets the
messages themselves.
"""

import hashlib
from collections.abc import Sequence

from burnish.records import Example, Message, Task, canonical_hash


class MessageRenderer:
    """Builds the chats of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def messages(self, example: Example, shots: Sequence[Example] = ()) -> list[Message]:
        """The chat before the answer: system, worked examples if any, and the user's turn."""
        system = self.task.prompt.system
        chat = [Message(role="system", content=system)] if system else []
        for shot in shots:
            chat += [*self._turns(shot), Message(role="assistant", content=shot.answer)]
        turns = self._turns(example)
        if turns and turns[0].role == "system":
            chat = [turns[0], *(turn for turn in chat if turn.role != "system")]
            turns = turns[1:]
        return chat + turns

    def for_task(self, task: Task) -> "MessageRenderer":
        """The same renderer for another form of the task, such as another instruction."""
        return MessageRenderer(task)

    def prompt_hash(self, examples: Sequence[Example]) -> str:
        """SHA-256 over the examples' prompts, in order."""
        digest = hashlib.sha256()
        for example in examples:
            chat = [turn.model_dump() for turn in self.messages(example)]
            digest.update(canonical_hash(chat).encode())
        return digest.hexdigest()

    def _turns(self, example: Example) -> list[Message]:
        if example.history:
            return list(example.history)
        if self.task.prompt.template:
            return [Message(role="user", content=_fill(self.task.prompt.template, example.inputs))]
        return [Message(role="user", content="\n\n".join(example.inputs.values()))]


def _fill(template: str, inputs: dict[str, str]) -> str:
    """The template with every `{column}` replaced once; braces in the data stay as they are."""
    pieces: list[str] = []
    rest = template
    while rest:
        at, name = min(
            ((rest.find("{" + name + "}"), name) for name in inputs if "{" + name + "}" in rest),
            default=(-1, ""),
        )
        if at < 0:
            return "".join([*pieces, rest])
        pieces += [rest[:at], inputs[name]]
        rest = rest[at + len(name) + 2 :]
    return "".join(pieces)
