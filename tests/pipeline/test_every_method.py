"""Every method: trained, saved, loaded, merged and resumed to the same numbers, on a tiny model."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from test_pipeline import workspace_for  # type: ignore[import-not-found]
from transformers import AutoModelForCausalLM, AutoTokenizer

from burnish import pipeline
from burnish.base.load import load_merged, load_model, load_tuned
from burnish.brief.file import read_brief, write_brief
from burnish.chat.render import Encoded
from burnish.engines.rows import make_rows, row_losses, use_rows
from burnish.records import BaseChoice, Event, Run, TrainSettings
from burnish.store import Workspace
from burnish.train.methods import adapt
from burnish.train.ranks import kept_ranks

METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "pissa-rslora": {"init_lora_weights": "pissa", "use_rslora": True},
    "loraplus": {"loraplus_lr_ratio": 8.0},
    "modules": {"modules_to_save": ("lm_head",)},
    "dora": {"method": "dora"},
    "adalora": {"method": "adalora"},
    "adalora-falling": {"method": "adalora", "tinit": 2, "tfinal": 1, "deltaT": 4},
    "qlora": {"method": "qlora"},
    "full": {"method": "full", "learning_rate": 1e-3},
}
EXAMPLE = Encoded([5, 6, 7, 8, 9, 10], [False, False, True, True, True, True], truncated=False)

pytestmark = pytest.mark.filterwarnings("ignore")


def workspace(folder: Path, base: Path, name: str, **train: Any) -> Workspace:
    settings = {"learning_rate": 1e-2, "epochs": 2, "max_length": 128}
    return workspace_for(folder, base, "generate", **settings | METHODS[name] | train)


def records(made: Workspace) -> tuple[TrainSettings, Run, BaseChoice]:
    (run,), (base,) = made.records(Run), made.records(BaseChoice)
    return read_brief(made.brief).train, run, base


def logits(model: Any) -> torch.Tensor:
    ids = torch.randint(3, 300, (1, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=ids).logits
    return found


@pytest.mark.parametrize("name", METHODS)
def test_a_method_reaches_a_verdict_and_merges(tmp_path: Path, tiny_base: Path, name: str) -> None:
    made = workspace(tmp_path, tiny_base, name)
    task = read_brief(made.brief)
    evaluate = task.evaluate.model_copy(update={"systems": ("zero-shot", "tuned")})
    write_brief(made.brief, task.model_copy(update={"evaluate": evaluate}))
    report = pipeline.run(made)
    assert report.verdict is not None
    settings, run, base = records(made)
    weights = made.path(run, run.weights)
    tuned, merged = load_tuned(base, settings, weights), load_merged(base, settings, weights)
    assert isinstance(tuned, PeftModel) == (name != "full")
    assert not any("lora" in key for key, _ in merged.named_parameters())
    assert torch.allclose(logits(tuned), logits(merged), atol=1e-4)
    plain = load_model(base, settings)
    assert (logits(plain) - logits(tuned)).abs().max() > 1e-3, "the loaded model is the base"
    card = (made.path(report) / "model-card.md").read_text()
    assert ("library_name: transformers" in card) == (name == "full")
    # What was saved is what was validated, over the base as it was.
    assert validation_loss(made, tuned) == pytest.approx(min(run.validation_loss), abs=2e-5)


def validation_loss(made: Workspace, model: Any) -> float:
    from burnish.pipeline.data import renderer_of
    from burnish.records import Dataset
    from burnish.store import read_split

    task, (dataset,), (base,) = (
        read_brief(made.brief),
        made.records(Dataset),
        made.records(BaseChoice),
    )
    renderer = renderer_of(task, base)
    examples = [renderer.encode(one) for one in read_split(made, dataset, "validation")]
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    use_rows(inner)
    total, count = 0.0, 0
    with torch.no_grad():
        for row in make_rows(examples, 512, share=True):
            losses = row_losses(model, row, torch.device("cpu"))
            total, count = total + float(losses.double().sum()), count + len(losses)
    return total / count


RESUMED = ("lora", "pissa", "loraplus", "dora", "adalora", "qlora", "full")


@pytest.mark.parametrize(("name", "stop"), [*((name, 5) for name in RESUMED), ("adalora", 11)])
def test_a_resumed_run_ends_as_an_undisturbed_one(
    tmp_path: Path, tiny_base: Path, name: str, stop: int
) -> None:
    # AdaLoRA: step 5 is while ranks fall, step 11 when they are final.
    options = {"save_steps": 3, "early_stopping_patience": 0}
    calm = workspace(tmp_path / "calm", tiny_base, name, **options)
    wanted = pipeline.run_train(calm)

    class StopError(Exception):
        pass

    def interrupt(event: Event) -> None:
        if event.step == "train" and event.done == stop:
            raise StopError

    broken = workspace(tmp_path / "broken", tiny_base, name, **options)
    with pytest.raises(StopError):
        pipeline.run_train(broken, progress=interrupt)
    given = pipeline.run_train(broken)
    assert given.resumed == 1
    assert given.files == wanted.files
    assert any(file.endswith(".safetensors") for file in given.files)


def test_full_tuning_leaves_a_model_folder_that_stands_alone(
    tmp_path: Path, tiny_base: Path
) -> None:
    made = workspace(tmp_path, tiny_base, "full", dtype="auto")
    run = pipeline.run_train(made)
    folder = made.path(run, "model")
    model = AutoModelForCausalLM.from_pretrained(str(folder))
    assert model.dtype == torch.float32
    assert AutoTokenizer.from_pretrained(str(folder)).chat_template
    assert run.parameters_trained == model.num_parameters()
    assert run.dtype == "float32"
    assert next(iter(run.files)) == "model/model.safetensors"
    assert not made.path(run, "adapter").exists()


def test_qlora_trains_over_weights_in_four_bits(tmp_path: Path, tiny_base: Path) -> None:
    from bitsandbytes.nn import Linear4bit

    made = workspace(tmp_path, tiny_base, "qlora")
    base = pipeline.run_base(made)
    settings = read_brief(made.brief).train
    model = load_model(base, settings, training=True)
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(layers) == 7 * model.config.num_hidden_layers
    assert all(layer.weight.dtype == torch.uint8 for layer in layers)
    assert all(layer.weight.quant_state.nested for layer in layers)
    assert layers[0].weight.quant_state.quant_type == "nf4"


def test_a_validation_does_not_disturb_training_in_four_bits(
    tmp_path: Path, tiny_base: Path
) -> None:
    made = workspace(tmp_path, tiny_base, "qlora", lora_dropout=0.0)
    base = pipeline.run_base(made)
    settings = read_brief(made.brief).train

    def gradients(*, after_validation: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = adapt(load_model(base, settings, training=True), settings)
        if after_validation:
            model.eval()
            logits(model)
        model.train()
        use_rows(model.get_base_model())  # type: ignore[arg-type, operator]
        (row,) = make_rows([EXAMPLE], 64, share=True)
        row_losses(model, row, torch.device("cpu")).mean().backward()  # type: ignore[no-untyped-call]
        return [p.grad for p in model.parameters() if p.grad is not None]

    before, after = gradients(after_validation=False), gradients(after_validation=True)
    assert before
    assert len(before) == len(after)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_checkpointed_activations_change_no_step(tmp_path: Path, tiny_base: Path) -> None:
    calm = {"lora_dropout": 0.0, "early_stopping_patience": 0}
    plain = workspace(tmp_path / "plain", tiny_base, "lora", **calm)
    saving = workspace(tmp_path / "saving", tiny_base, "lora", gradient_checkpointing=True, **calm)
    wanted, given = pipeline.run_train(plain), pipeline.run_train(saving)
    assert given.validation_loss == pytest.approx(wanted.validation_loss, abs=1e-5)


def test_dropout_is_the_same_when_activations_are_computed_again(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import modeling_utils

    options = {"lora_dropout": 0.4, "gradient_checkpointing": True}
    made = workspace(tmp_path / "again", tiny_base, "lora", **options)
    kept = workspace(tmp_path / "kept", tiny_base, "lora", **options)
    given = pipeline.run_train(made)
    monkeypatch.setattr(modeling_utils, "checkpoint", lambda layer, *inputs, **_: layer(*inputs))
    assert pipeline.run_train(kept).files == given.files


def test_ranks_fall_to_the_target_and_the_adapter_holds_no_others(
    tmp_path: Path, tiny_base: Path
) -> None:
    made = workspace_for(
        tmp_path, tiny_base, "generate", method="adalora", target_r=2, init_r=5, epochs=4,
        batch_size=4, learning_rate=3e-3, max_length=128, early_stopping_patience=0,
    )  # fmt: skip
    run = pipeline.run_train(made)
    assert run.best_epoch == 4  # the last, so that the ranks are final
    settings, _, base = records(made)
    tuned: Any = load_tuned(base, settings, made.path(run, run.weights))
    matrices = {key: one for key, one in tuned.named_parameters() if "lora_E" in key}
    assert len(matrices) == 14
    ranks = [len(one) for one in matrices.values()]
    assert sum(ranks) == 2 * len(matrices)
    assert len(set(ranks)) > 1  # allocated by importance, not evenly
    assert all(all(kept) for kept in kept_ranks(tuned).values())
