"""A tiny random model of every family in the catalogue: load, tune, evaluate, merge."""

from pathlib import Path
from typing import Any

import pytest
import torch
from test_pipeline import workspace_for  # type: ignore[import-not-found]
from tiny import SIZES, tiny_model, tiny_tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from burnish import pipeline
from burnish.base.catalogue import Catalogue
from burnish.base.load import load_tuned
from burnish.brief.file import read_brief, write_brief
from burnish.errors import TrainingError
from burnish.records import BaseChoice, Run
from burnish.store import Workspace

FAMILIES = sorted({model.figures.model_type for model in Catalogue()})
EXPERTS = {"num_experts_per_tok": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 24, "head_dim": 8} | EXPERTS,
    "granitemoe": {"num_local_experts": 4} | EXPERTS,
    "gemma": {"head_dim": 8},
    "gemma3_text": {"head_dim": 8, "sliding_window": 16},
    "smollm3": {"tie_word_embeddings": True},
}
VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "patch_size": 4, "image_size": 16, "vision_use_head": False,
}  # fmt: skip


def tiny(family: str) -> PreTrainedModel:
    if family not in ("gemma2", "gemma3"):
        return tiny_model(family, **SETTINGS.get(family, {}))
    torch.manual_seed(0)
    text = SIZES | {"head_dim": 8, "sliding_window": 16}
    if family == "gemma3":
        ends = {name: SIZES[name] for name in SIZES if name.endswith("token_id")}
        sees = {"vision_config": VISION, "mm_tokens_per_image": 4}
        config = AutoConfig.for_model("gemma3", text_config=text, **sees, **ends)
    else:
        config = AutoConfig.for_model("gemma2", **text)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # gemma2 has no sdpa
    return model.float().eval()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_load_tune_evaluate_merge(tmp_path: Path, family: str) -> None:
    base = tmp_path / "base"
    tiny(family).save_pretrained(str(base))
    tiny_tokenizer().save_pretrained(str(base))
    dropout = 0.0 if family in ("mixtral", "qwen3_moe") else 0.05  # PEFT: experts have none
    workspace = workspace_for(
        tmp_path / "task", base, "generate", max_length=128, lora_dropout=dropout
    )
    task = read_brief(workspace.brief)
    evaluate = task.evaluate.model_copy(update={"systems": ("zero-shot", "tuned")})
    write_brief(workspace.brief, task.model_copy(update={"evaluate": evaluate}))
    report = pipeline.run(workspace)
    assert {system.name for system in report.systems} == {"zero-shot", "tuned"}
    merges(workspace)


def test_experts_with_dropout_are_refused_with_a_hint(tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny("mixtral").save_pretrained(str(base))
    tiny_tokenizer().save_pretrained(str(base))
    with pytest.raises(TrainingError) as caught:
        pipeline.run(workspace_for(tmp_path / "task", base, "generate", max_length=128))
    assert "lora_dropout: 0" in caught.value.hint


def merges(workspace: Workspace) -> None:
    """The merged model computes what base and adapter computed together."""
    (run,), (base,) = workspace.records(Run), workspace.records(BaseChoice)
    task = read_brief(workspace.brief)
    tuned = load_tuned(base, task.train, workspace.path(run, "adapter"))
    ids = torch.randint(3, 300, (1, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = tuned(input_ids=ids).logits
        merged = tuned.merge_and_unload()
        after = merged(input_ids=ids).logits
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert torch.allclose(before, after, atol=1e-4)
