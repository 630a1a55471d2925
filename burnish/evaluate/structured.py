"""Ask a chat engine for JSON of one shape: validated, asked again where it is not, cached.

Reads and appends to a cache, a JSONL file whose keys are hashes of all that an answer depends on:
who is asked, the messages and the shape. So whoever repeats a question finds its answer, and no
other one. What never came in shape is not cached.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from burnish.engines.engine import ChatEngine, Said
from burnish.records import Message, Usage, canonical_hash
from burnish.store.files import append_lines, read_finished_lines, write_lines

Shape = TypeVar("Shape", bound=BaseModel)

_MOST_TOKENS = 512
_CHATS_HELD = 256
_MOST_OBJECTS = 20
_AGAIN = (
    "That was not in the form asked for ({fault}). Reply with the JSON object alone: no other "
    "text, no code fence."
)


class Cached(BaseModel):
    """One line of a cache."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    text: str
    usage: Usage


class Replies(NamedTuple, Generic[Shape]):
    """What came of each chat, and what all replies took, those of earlier times included.

    Attributes:
        values: None where no reply was in shape.
        usage: one entry a chat, all its tries together.
    """

    values: list[Shape | None]
    usage: list[Usage]


def ask_structured(
    chats: Sequence[Sequence[Message]],
    shape: type[Shape],
    *,
    engine: ChatEngine,
    asked: str,
    cache: Path,
    tries: int,
    tell: Callable[[int], None],
) -> Replies[Shape]:
    """The reply to every chat, in their order.

    Args:
        asked: whom: the server's URL and model, which stand in the cache's keys.
        cache: JSONL file; may not exist yet.
        tries: most times one chat is asked.
        tell: called with the number of chats that need not be asked any more.

    Raises:
        ServerError: the server does not answer; replies so far are in the cache.
    """
    schema = shape.model_json_schema()
    keys = [_key(asked, chat, schema) for chat in chats]
    held = {one.key: one for one in read_finished_lines(cache, Cached)}
    write_lines(cache, held.values())
    values: dict[int, Shape | None] = {}
    usage: dict[int, Usage] = {}
    waiting: dict[int, list[Message]] = {}
    for place, key in enumerate(keys):
        value = read_shape(held[key].text, shape)[0] if key in held else None
        if value is None:
            waiting[place] = list(chats[place])
        else:
            values[place], usage[place] = value, held[key].usage
    tell(len(values))
    for _ in range(tries):
        again: dict[int, list[Message]] = {}
        places = list(waiting)
        for start in range(0, len(places), _CHATS_HELD):
            block = places[start : start + _CHATS_HELD]

            def heard(at: int, said: Said, block: list[int] = block) -> None:
                place = block[at]
                usage[place] = _added(usage.get(place), said.usage)
                values[place] = read_shape(said.text, shape)[0]
                if values[place] is not None:
                    line = Cached(key=keys[place], text=said.text, usage=usage[place])
                    append_lines(cache, [line])
                    tell(sum(value is not None for value in values.values()))

            replies = engine.answer(
                [waiting[place] for place in block],
                max_new_tokens=_MOST_TOKENS,
                heard=heard,
                json_schema=schema,
            )
            for place, said in zip(block, replies, strict=True):
                if values[place] is None:
                    again[place] = _corrected(waiting[place], said.text, shape)
        waiting = again
        if not waiting:
            break
    order = range(len(chats))
    return Replies([values[place] for place in order], [usage[place] for place in order])


def read_shape(text: str, shape: type[Shape]) -> tuple[Shape | None, str]:
    """(value, "") of the first JSON object of this shape in a text, or (None, what is wrong)."""
    fault = "no JSON object"
    start = -1
    for _ in range(_MOST_OBJECTS):
        start = text.find("{", start + 1)
        if start < 0:
            break
        try:
            found, _end = json.JSONDecoder().raw_decode(text, start)
            return shape.model_validate(found), ""
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "object"
            fault = f"{where}: {first['msg'].lower()}"
        except (ValueError, RecursionError):
            fault = "no JSON that can be read"
    return None, fault


def _key(asked: str, chat: Sequence[Message], schema: object) -> str:
    messages = [turn.model_dump() for turn in chat]
    return canonical_hash({"asked": asked, "messages": messages, "schema": schema})


def _corrected(chat: Sequence[Message], text: str, shape: type[Shape]) -> list[Message]:
    fault = read_shape(text, shape)[1]
    return [
        *chat,
        Message(role="assistant", content=text or "(nothing)"),
        Message(role="user", content=_AGAIN.format(fault=fault)),
    ]


def _added(before: Usage | None, now: Usage) -> Usage:
    if before is None:
        return now
    return Usage(
        seconds=round(before.seconds + now.seconds, 3),
        prompt_tokens=_sum(before.prompt_tokens, now.prompt_tokens),
        answer_tokens=_sum(before.answer_tokens, now.answer_tokens),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
