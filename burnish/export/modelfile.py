"""Ollama's Modelfile beside a GGUF file: where it lies, how a chat is written, how answers end.

Ollama writes chats with a template of its own, in Go's text/template. It is derived here by
rendering the tokenizer's template with probes, and kept only if it rebuilds every probe; then
SYSTEM, stops and greedy decoding follow. Returns the text, writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SYSTEM, _USER, _ANSWER, _SECOND = "⟦system⟧", "⟦user⟧", "⟦answer⟧", "⟦second⟧"
_QUOTES = '"""'

Chat = list[tuple[str, str]]
"""Role and content of each turn."""

_PROBES: tuple[Chat, ...] = (
    [("system", _SYSTEM), ("user", _USER)],
    [("user", _USER)],
    [("system", _SYSTEM), ("user", _USER), ("assistant", _ANSWER), ("user", _SECOND)],
    [("user", _USER), ("assistant", _ANSWER), ("user", _SECOND)],
)


@dataclass(frozen=True)
class TurnForm:
    """How a template writes chats whose turns all look alike.

    Attributes:
        start: before everything, such as a token that begins a text.
        default: written after it where there is no system message.
        before, between, after: around a turn's role and content.
        answer: after the last turn; the assistant's turn begins.
    """

    start: str
    default: str
    before: str
    between: str
    after: str
    answer: str

    def write(self, chat: Chat) -> str:
        """The chat as text, ready for the answer."""
        has_system = any(role == "system" for role, _ in chat)
        turns = [f"{self.before}{role}{self.between}{text}{self.after}" for role, text in chat]
        return self.start + ("" if has_system else self.default) + "".join(turns) + self.answer

    def template(self) -> str:
        """The same in Go's text/template, over Ollama's .System and .Messages."""
        default = f"{{{{ if not .System }}}}{self.default}{{{{ end }}}}" if self.default else ""
        turn = f"{self.before}{{{{ .Role }}}}{self.between}{{{{ .Content }}}}{self.after}"
        return f"{self.start}{default}{{{{ range .Messages }}}}{turn}{{{{ end }}}}{self.answer}"


def find_turn_form(tokenizer: Any) -> TurnForm | None:
    """The form of a tokenizer's chat template; None where its turns do not all look alike."""
    try:
        rendered = [_render(tokenizer, chat) for chat in _PROBES]
    except Exception:  # a template may refuse a chat, with whatever its author thought of
        return None
    form = _guess(rendered[0], rendered[1], rendered[2], tokenizer.all_special_tokens)
    if form is None or any(
        form.write(chat) != text for chat, text in zip(_PROBES, rendered, strict=True)
    ):
        return None
    parts = (form.start, form.default, form.before, form.between, form.after, form.answer)
    return None if any("{{" in part or _QUOTES in part for part in parts) else form


def write_modelfile(
    file: str, tokenizer: Any, *, system: str, stops: list[str], context: int, longest_answer: int
) -> tuple[str, list[str]]:
    """The Modelfile's text, and what a user should know of it, a sentence each.

    Args:
        file: name of the GGUF file beside it.
        system: the brief's instruction.
        stops: texts of the tokens that end an answer.
        context: tokens of prompt and answer together.
        longest_answer: most tokens of an answer.
    """
    lines, notes = [f"FROM ./{file}"], []
    form = find_turn_form(tokenizer)
    if form is not None:
        lines.append(f"TEMPLATE {_QUOTES}{form.template()}{_QUOTES}")
    else:
        notes.append(
            "The Modelfile has no TEMPLATE, since the chat template cannot be told in Ollama's; "
            "Ollama takes what it makes of the one in the file"
        )
    if system and _QUOTES not in system and not system.endswith('"'):
        lines.append(f"SYSTEM {_QUOTES}{system}{_QUOTES}")
    elif system:
        notes.append("The Modelfile has no SYSTEM, since the instruction's quotes end it early")
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in stops]
    lines += [
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_ctx {context}",
        f"PARAMETER num_predict {longest_answer}",
    ]
    return "\n".join(lines) + "\n", notes


def _render(tokenizer: Any, chat: Chat) -> str:
    messages = [{"role": role, "content": text} for role, text in chat]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _guess(with_system: str, without: str, long: str, specials: Sequence[str]) -> TurnForm | None:
    """A form that fits the first turns; the probes decide whether it holds."""
    try:
        head, rest = with_system.split(_SYSTEM)
        middle, tail = rest.split(_USER)
        _, rest = long.split(_USER)
        to_answer, rest = rest.split(_ANSWER)
        to_second, _ = rest.split(_SECOND)
        before_user, _ = without.split(_USER)
    except ValueError:
        return None
    # Turns end alike: what stands after a system's text and after an answer, up to "user", is the
    # same `after + before`; it is parted where the very first turn begins.
    if "system" not in head or middle != to_second or "user" not in middle:
        return None
    opening, between = head.rsplit("system", 1)
    joint, found = middle.rsplit("user", 1)
    if found != between or not to_answer.startswith(joint):
        return None
    for length in range(min(len(opening), len(joint)), -1, -1):
        before = opening[len(opening) - length :]
        if not joint.endswith(before) or any(
            _splits(text, len(text) - length, token)
            for text in (opening, joint)
            for token in specials
        ):
            continue
        after, start = joint[: len(joint) - length], opening[: len(opening) - length]
        user = f"{before}user{between}"
        if before_user.startswith(start) and before_user.endswith(user) and tail.startswith(after):
            default = before_user[len(start) : len(before_user) - len(user)]
            return TurnForm(start, default, before, between, after, tail[len(after) :])
    return None


def _splits(text: str, at: int, token: str) -> bool:
    """Whether a cut lies within a control token."""
    return token in text[max(at - len(token) + 1, 0) : at + len(token) - 1]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
