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
    fields = dict(_strings("request", value))
    example = Example(
        id="", source="", row=0, inputs=fields, answer=answer or "", references=(answer or "",)
    )
    masked, _ = personal.mask(example)
    if request is not None:
        clean = _filled("request", value, masked.inputs)
        request = json.dumps(clean, ensure_ascii=False)
    return request, None if answer is None else masked.answer


def _strings(place: str, value: Any) -> list[tuple[str, str]]:
    """Every text in a JSON value, with its place."""
    if isinstance(value, str):
        return [(place, value)]
    if isinstance(value, dict):
        return [one for key, item in value.items() for one in _strings(f"{place}.{key}", item)]
    if isinstance(value, list):
        pairs = enumerate(value)
        return [one for number, item in pairs for one in _strings(f"{place}.{number}", item)]
    return []


def _filled(place: str, value: Any, texts: dict[str, str]) -> Any:
    """The value with its texts replaced."""
    if isinstance(value, str):
        return texts[place]
    if isinstance(value, dict):
        return {key: _filled(f"{place}.{key}", item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(f"{place}.{number}", item, texts) for number, item in enumerate(value)]
    return value
