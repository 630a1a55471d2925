"""Texts of the request log without personal data: what the gateway's masking process runs.

It imports neither torch nor the gateway. The recognisers are those of the data room, and so is the
spaCy model that the brief names.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from burnish.records import Example

if TYPE_CHECKING:
    from burnish.data.personal.personal_data import PersonalData

Texts = tuple[str | None, str | None]


def mask_texts(texts: Sequence[Texts], *, ner_model: str | None = None) -> list[Texts]:
    """Requests (JSON) and answers with [PERSON_1], [PHONE_NUMBER_1] … for their personal data.

    The same value gets the same placeholder in a request and its answer.
    """
    return [_masked(request, answer, _personal(ner_model)) for request, answer in texts]


@lru_cache(maxsize=1)
def _personal(ner_model: str | None) -> "PersonalData":
    from burnish.data.personal.personal_data import PersonalData

    return PersonalData(ner_model=ner_model)


def _masked(request: str | None, answer: str | None, personal: "PersonalData") -> Texts:
    value = None if request is None else json.loads(request)
    texts = _texts(value)
    example = Example.model_construct(
        id="", source="", row=0, inputs=texts, history=(), labels=(), answer=answer or "",
        references=(),
    )  # fmt: skip
    masked, found = personal.mask(example)
    if not found:
        return request, answer
    if request is not None:
        request = json.dumps(_filled(value, masked.inputs), ensure_ascii=False)
    return request, None if answer is None else masked.answer


def _texts(value: Any, place: str = "") -> dict[str, str]:
    """Place → text, of every text in a JSON value; a message's role is none."""
    if isinstance(value, str):
        return {place: value}
    texts: dict[str, str] = {}
    for key, item in _items(value):
        texts |= _texts(item, f"{place}/{key}")
    return texts


def _filled(value: Any, texts: dict[str, str], place: str = "") -> Any:
    """The value with its texts replaced."""
    if isinstance(value, str):
        return texts[place]
    filled = {key: _filled(item, texts, f"{place}/{key}") for key, item in _items(value)}
    if isinstance(value, dict):
        return value | filled
    return list(filled.values()) if isinstance(value, list) else value


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, list):
        return list(enumerate(value))
    if not isinstance(value, dict):
        return []
    message = set(value) == {"role", "content"}
    return [(key, item) for key, item in value.items() if not (message and key == "role")]
