"""The merged form: one model in safetensors beside its tokenizer, for transformers and vLLM.

Writes a folder that needs nothing of Burnish; reads it back as any other program would.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def write_merged(
    model: PreTrainedModel, tokenizer: Any, end: Sequence[int], folder: Path, precision: str
) -> None:
    """Write a merged model and all that answering needs.

    Args:
        model: in float32; it is cast in place, after the merge, so that weights are rounded once.
        end: token ids that end an answer; greedy answers stop at any of them.
    """
    untie(model)
    model.to(DTYPES[precision])  # type: ignore[arg-type]
    model.config.dtype = DTYPES[precision]
    settings: Any = model.generation_config
    settings.eos_token_id = list(end) if len(end) > 1 else end[0]
    settings.do_sample = False
    settings.temperature = settings.top_p = settings.top_k = None  # they go with sampling alone
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def read_merged(folder: Path) -> tuple[PreTrainedModel, Any, list[int]]:
    """The model of a folder, computing in float32, its tokenizer, and what ends its answers."""
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    end = model.generation_config.eos_token_id
    return model.eval(), tokenizer, end if isinstance(end, list) else [end]


def untie(model: PreTrainedModel) -> None:
    """Have the settings say so where head and embeddings no longer share their weights.

    A head that was trained whole would otherwise be replaced by the embeddings on loading.
    """
    whole: Any = model
    head, embeddings = whole.get_output_embeddings(), whole.get_input_embeddings()
    if head is not None and head.weight.data_ptr() != embeddings.weight.data_ptr():
        model.config.tie_word_embeddings = False
