"""GGUF files: each family loaded back, layout and metadata, tokenizers, and clear refusals."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from exporting import merging_tokenizer, save_base, trained  # type: ignore[import-not-found]
from tiny import tiny_model
from tokenizers import Regex, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from burnish import pipeline
from burnish.base.resolve import resolve
from burnish.errors import ExportError
from burnish.export.gguf_file import read_gguf, refuse_unsupported, write_gguf
from burnish.records import Run

LLAMA3 = {
    "rope_parameters": {
        "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    }
}  # fmt: skip
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama-tied": ("llama", {"tie_word_embeddings": True}),
    "llama3": ("llama", LLAMA3),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral-window": ("mistral", {"sliding_window": 512}),
    "mistral-heads": ("mistral", {"sliding_window": None, "head_dim": 16}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {}),
    "qwen3-heads": ("qwen3", {"head_dim": 16}),
}

pytestmark = pytest.mark.filterwarnings("ignore")


def written(folder: Path, model: Any, tokenizer: Any = None, kind: str = "F32") -> Path:
    path = folder / "model.gguf"
    tokenizer = tokenizer or merging_tokenizer()
    write_gguf(model, tokenizer, [tokenizer.eos_token_id], path, kind, {"general.name": "tiny"})
    return path


def logits(model: Any) -> torch.Tensor:
    ids = torch.randint(3, 300, (1, 90), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=ids).logits
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_loaded_back_with_the_same_logits(tmp_path: Path, name: str) -> None:
    family, settings = FAMILIES[name]
    model = tiny_model(family, **settings)
    expected = logits(model)
    path = written(tmp_path, model)
    found, tokenizer, end = read_gguf(path)
    torch.testing.assert_close(logits(found), expected, atol=1e-5, rtol=0)
    assert end == [tokenizer.eos_token_id]
    names = {tensor.name for tensor in gguf.GGUFReader(path).tensors}
    assert ("output.weight" in names) == (name != "llama-tied")
    assert ("rope_freqs.weight" in names) == (name == "llama3")


def test_a_head_that_was_trained_apart_is_written_apart(tmp_path: Path) -> None:
    model = tiny_model("llama", tie_word_embeddings=True)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() * 2)
    expected = logits(model)
    torch.testing.assert_close(logits(read_gguf(written(tmp_path, model))[0]), expected)


def test_the_layout_is_that_of_the_file_the_embedded_base_came_from(tmp_path: Path) -> None:
    """llama.cpp's own converter wrote that file: names, shapes, order of values, settings."""
    source = resolve("smollm2-135m").path
    from transformers import GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        str(source.parent), gguf_file=source.name, dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name)
    path = written(tmp_path, model, tokenizer)
    theirs, ours = gguf.GGUFReader(source), gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in ours.tensors}
    assert tensors.keys() == {tensor.name for tensor in theirs.tensors}
    for tensor in theirs.tensors:
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        assert tensors[tensor.name].shape.tolist() == tensor.shape.tolist()
        np.testing.assert_array_equal(tensors[tensor.name].data, expected, tensor.name)
    for key, field in theirs.fields.items():
        if key.startswith(("llama.", "tokenizer.")) and key != "tokenizer.ggml.pre":
            found = ours.get_field(key)
            assert found is not None, key
            assert found.contents() == field.contents(), key
    # transformers split digits like GPT-2 when it read that file, and so the run was trained.
    assert ours.get_field("tokenizer.ggml.pre").contents() == "gpt-2"


SPLITTERS: dict[str, Any] = {
    "gpt-2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    ),
    **{
        name: lambda name=name: pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(GGUF_PRE_TOKENIZER_SPLITS[name]), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        for name in ("llama-bpe", "tekken", "qwen2")
    },
}
TEXTS = [
    "ward 345 345345 nurse's  NURSES\n\n fever:7.7kg", "  <|im_start|>user\n77<|im_end|>",
    "ß — 😷\t."
]  # fmt: skip


@pytest.mark.parametrize("name", SPLITTERS)
def test_text_is_split_as_the_name_in_the_file_says(tmp_path: Path, name: str) -> None:
    tokenizer = merging_tokenizer(SPLITTERS[name]())
    path = written(tmp_path, tiny_model("llama"), tokenizer)
    field = gguf.GGUFReader(path).get_field("tokenizer.ggml.pre")
    assert field is not None
    assert field.contents() == name
    found = read_gguf(path)[1]
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert found(text, add_special_tokens=False)["input_ids"] == ids
        assert found.decode(ids) == tokenizer.decode(ids)
    assert found.chat_template == tokenizer.chat_template
    assert found.eos_token == tokenizer.eos_token


def test_other_families_are_refused_by_name_before_anything_is_written(tmp_path: Path) -> None:
    workspace = trained(tmp_path / "task", save_base(tmp_path / "base", "phi3"))
    with pytest.raises(ExportError, match="qwen2, qwen3; this base is phi3") as caught:
        pipeline.run_export(workspace, "gguf")
    assert "--form merged" in caught.value.hint
    (record,) = (workspace.folder / "exports").iterdir()
    assert [path.name for path in record.iterdir()] == ["record.json"]
    assert workspace.records(Run)[0].status == "complete"


def test_what_gguf_cannot_hold_is_refused() -> None:
    tokenizer = merging_tokenizer()

    def refusal(model: Any, other: Any = tokenizer, longest: int = 300) -> str:
        with pytest.raises(ExportError) as caught:
            refuse_unsupported(model.config, other, longest=longest)
        return caught.value.message

    assert "last 9 tokens" in refusal(tiny_model("mistral"))
    stretched = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    assert "'linear'" in refusal(tiny_model("llama", rope_parameters=stretched))
    assert "gates or biases" in refusal(tiny_model("llama", attention_bias=True))
    assert "knows 200" in refusal(tiny_model("llama", vocab_size=200))
    odd = merging_tokenizer(pre_tokenizers.Whitespace())
    assert "after Whitespace" in refusal(tiny_model("llama"), odd)
    from tiny import tiny_tokenizer

    assert "no merges" in refusal(tiny_model("llama"), tiny_tokenizer())
    refuse_unsupported(tiny_model("mistral").config, tokenizer, longest=9)
