"""Chat formats: from the ways chats are stored to one column "messages".

Reads a `Draft` of any container (JSON, JSONL, Parquet, a HF dataset) and changes it in place.
OpenAI's format is {"messages": [{"role", "content"}]}, ShareGPT's
{"conversations": [{"from", "value"}]}; both spellings of a turn are understood under both names.
Alpaca's instruction, input and output stay ordinary columns.
"""

from collections import Counter
from typing import Any

from burnish.data.reading.draft import Draft, kind_of

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
}
_TURN_KEYS = {"role", "content", "from", "value"}
_ALPACA = {"instruction", "input", "output"}
_PROBE = 50


def recognise(draft: Draft) -> None:
    """Set the draft's format if its rows are chats or Alpaca's, and normalise chats.

    Each turn that is no message of a known role with text becomes a fault. Keys of a turn other
    than its role and content are left out and noted.
    """
    if _holds_turns(draft, "messages"):
        draft.format = "openai-chat"
        _normalise(draft, "messages")
    elif _holds_turns(draft, "conversations"):
        if "messages" in draft.columns:
            draft.faults.append((0, "'conversations' and 'messages' both stand as columns"))
            return
        draft.format = "sharegpt"
        _normalise(draft, "conversations")
    elif set(draft.columns) >= _ALPACA:
        draft.format = "alpaca"


def _holds_turns(draft: Draft, column: str) -> bool:
    """Is one of the first cells of the column a list with a turn in it?"""
    return column in draft.columns and any(
        isinstance(turn, dict) and ("role" in turn or "from" in turn)
        for row in draft.rows[:_PROBE]
        if isinstance(row.get(column), list)
        for turn in row[column]
    )


def _normalise(draft: Draft, column: str) -> None:
    left_out: Counter[str] = Counter()
    for index, row in enumerate(draft.rows):
        messages = []
        turns = row.get(column)
        if not isinstance(turns, list):
            _fault(draft, index, f"'{column}' is {kind_of(turns)}, not a list of messages")
            turns = []
        for number, turn in enumerate(turns, 1):
            try:
                messages.append(_message(turn))
            except ValueError as error:
                _fault(draft, index, f"message {number}: {error}")
            else:
                left_out.update(key for key in turn.keys() - _TURN_KEYS if turn[key] is not None)
        draft.rows[index] = {
            "messages" if key == column else key: messages if key == column else value
            for key, value in row.items()
        }
    draft.columns = ["messages" if name == column else name for name in draft.columns]
    for key, count in sorted(left_out.items()):
        draft.notes.append(f"'{key}' of the messages left out: {count} messages.")


def _message(turn: Any) -> dict[str, str]:
    """One turn as {"role", "content"}; ValueError says what it lacks."""
    if not isinstance(turn, dict):
        raise ValueError(f"{kind_of(turn)}, not an object with a role and a content")
    name = turn.get("role", turn.get("from"))
    role = _ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise ValueError(f"role {name!r}; expected system, user (human) or assistant (gpt)")
    content = turn.get("content", turn.get("value"))
    if isinstance(content, list):
        content = _joined(content)
    if not isinstance(content, str):
        raise ValueError(f"its content is {kind_of(content)}, not text")
    return {"role": role, "content": content}


def _joined(parts: list[Any]) -> str:
    """OpenAI's content parts as one text, each part on its own line."""
    texts = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            found = part.get("type", "object") if isinstance(part, dict) else kind_of(part)
            raise ValueError(f"a content part of type {found!r}; only text can be learned")
        texts.append(text)
    return "\n".join(texts)


def _fault(draft: Draft, index: int, sentence: str) -> None:
    draft.faults.append((draft.numbers[index], f"{draft.place(index)}: {sentence}"))
