"""Recipes to quantise a merged run with llm-compressor, for vLLM: GPTQ, AWQ and FP8.

Quantising needs a GPU and packages that Burnish does not bring, so nothing is quantised here. A
recipe is what llm-compressor reads, the prompts and answers it calibrates on (of the training
split, by the one renderer), the script that runs both, and the commands.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from burnish.chat.render import Renderer
from burnish.records import Example, ExportForm
from burnish.store.files import write_text

MOST_CALIBRATED = 256
"""Examples to calibrate on; llm-compressor's own examples take 256 to 512."""

LLM_COMPRESSOR = "0.14.0.1"
"""The version whose modifiers and arguments the recipes use."""

_QUANTISED = """\
      targets: [Linear]
      ignore: [lm_head]
"""
_RECIPES: dict[ExportForm, str] = {
    "gptq": "    GPTQModifier:\n      scheme: W4A16\n" + _QUANTISED,
    "awq": (
        "    AWQModifier:\n      duo_scaling: true\n"
        "    QuantizationModifier:\n      scheme: W4A16_ASYM\n" + _QUANTISED
    ),
    "fp8": "    QuantizationModifier:\n      scheme: FP8_DYNAMIC\n" + _QUANTISED,
}
_WHAT: dict[ExportForm, str] = {
    "gptq": "4-bit weights by GPTQ (Frantar et al. 2023), activations in 16 bits",
    "awq": "4-bit weights by AWQ (Lin et al. 2024), activations in 16 bits",
    "fp8": "8-bit float weights and activations, scaled token by token; no calibration needed",
}
_SCRIPT = '''\
"""Quantise a merged run: python quantise.py MERGED OUTPUT (a GPU is needed for any real size)."""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from llmcompressor import oneshot
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
merged, output = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(merged)
model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.bfloat16)
lines = (HERE / "calibration.jsonl").read_text().splitlines()
examples = Dataset.from_list([json.loads(line) for line in lines])
oneshot(
    model=model,
    tokenizer=tokenizer,
    recipe=str(HERE / "recipe.yaml"),
    dataset=examples,
    num_calibration_samples=len(examples),
    max_seq_length={longest},
)
model.save_pretrained(output, save_compressed=True)
tokenizer.save_pretrained(output)
'''


def write_recipe(
    folder: Path, form: ExportForm, renderer: Renderer, training: Sequence[Example]
) -> str:
    """Write recipe.yaml, calibration.jsonl and quantise.py; the commands, as Markdown.

    Args:
        training: examples of the training split, and of no other.
    """
    encoded = [renderer.encode(example).ids for example in training[:MOST_CALIBRATED]]
    lines = [json.dumps({"input_ids": ids, "attention_mask": [1] * len(ids)}) for ids in encoded]
    longest = max(map(len, encoded))
    write_text(folder / "calibration.jsonl", "".join(line + "\n" for line in lines))
    write_text(folder / "recipe.yaml", "quantise:\n  modifiers:\n" + _RECIPES[form])
    write_text(folder / "quantise.py", _SCRIPT.replace("{longest}", str(longest)))
    return f"""\
**Not run on a GPU here**, and not proved: quantise, then evaluate what comes out before anyone
relies on it. {_WHAT[form].capitalize()}.

    burnish export --form merged --precision bfloat16 --output merged
    pip install llmcompressor=={LLM_COMPRESSOR}        # an environment of its own
    python quantise.py merged quantised
    vllm serve quantised

`calibration.jsonl` holds {len(encoded)} examples of the training split as token ids; no example of
the validation or test split is among them.
"""
