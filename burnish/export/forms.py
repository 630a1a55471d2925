"""The forms a run can be exported in, their precisions, and how far each may be from the run.

Every merge is first held to `MERGE` in float32, whatever its form: a wrong merge moves logits far
more than that, while the rounding of a 4-bit form would hide it. The bounds of rounded forms follow
what the embedded base's demo measures (docs/export.md); its coarsest kinds do not hold: for a base
that came from 4 bits, rounding to its own grid undoes the tuning.
"""

from dataclasses import dataclass
from difflib import get_close_matches

from burnish.errors import ExportError
from burnish.records import Bounds, ExportForm

MERGE = 1e-3
"""Largest logit difference of merged weights in float32: the order of additions, nothing more."""

_EXACT = Bounds(max_logit_difference=MERGE, mean_kl=1e-6, equal_answers=1.0)
_ELEVEN_BITS = Bounds(mean_kl=1e-4, equal_answers=0.8)
_BRAIN_FLOAT = Bounds(mean_kl=1e-3, equal_answers=0.5)
_EIGHT_BITS = Bounds(mean_kl=5e-3, equal_answers=0.2)
_FIVE_BITS = Bounds(mean_kl=0.05, equal_answers=0.0)
_FOUR_BITS = Bounds(mean_kl=0.1, equal_answers=0.0)


@dataclass(frozen=True)
class Form:
    """One form of export.

    Attributes:
        precisions: name → bounds; None where nothing is proved.
        default: the precision taken where none is asked for.
        what: it is, in a few words.
    """

    precisions: dict[str, Bounds | None]
    default: str
    what: str


FORMS: dict[ExportForm, Form] = {
    "adapter": Form({"unchanged": _EXACT}, "unchanged", "the adapter for PEFT and vLLM"),
    "merged": Form(
        {"float32": _EXACT, "bfloat16": _BRAIN_FLOAT, "float16": _ELEVEN_BITS},
        "bfloat16",
        "one model in safetensors for transformers and vLLM",
    ),
    "gguf": Form(
        {
            "F32": _EXACT, "F16": _ELEVEN_BITS, "BF16": _BRAIN_FLOAT, "Q8_0": _EIGHT_BITS,
            "Q5_1": _FIVE_BITS, "Q5_0": _FIVE_BITS, "Q4_1": _FOUR_BITS, "Q4_0": _FOUR_BITS,
        },
        "Q8_0",
        "one file for llama.cpp and Ollama",
    ),
    "gptq": Form({"W4A16": None}, "W4A16", "a recipe for weights in 4 bits by GPTQ"),
    "awq": Form({"W4A16_ASYM": None}, "W4A16_ASYM", "a recipe for weights in 4 bits by AWQ"),
    "fp8": Form({"FP8_DYNAMIC": None}, "FP8_DYNAMIC", "a recipe for weights in 8-bit floats"),
}  # fmt: skip


def choose_precision(form: str, asked: str | None) -> tuple[ExportForm, str]:
    """The form and its precision, spelled as in `FORMS`.

    Raises:
        ExportError: there is no such form, or it has no such precision.
    """
    name = next((known for known in FORMS if known == form), None)
    if name is None:
        near = get_close_matches(form, FORMS, 1, cutoff=0.5)
        raise ExportError(
            f"There is no form {form!r} to export to; there are {', '.join(FORMS)}.",
            hint=f"burnish export --form {near[0] if near else 'merged'}",
        )
    precisions = FORMS[name].precisions
    if asked is None:
        return name, FORMS[name].default
    found = next((known for known in precisions if known.lower() == asked.lower()), None)
    if found is None:
        raise ExportError(
            f"The form {name} has no precision {asked!r}; it has {', '.join(precisions)}.",
            hint=f"burnish export --form {name} --precision {FORMS[name].default}",
        )
    return name, found
