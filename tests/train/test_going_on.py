"""A run that goes on from another run's weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from small_task import small_workspace
from tiny import tiny_model

from burnish import pipeline
from burnish.base.load import load_tuned
from burnish.brief.file import read_brief
from burnish.errors import TrainingError
from burnish.pipeline.tuning import inputs_of, make_run
from burnish.records import BaseChoice, Dataset, Event, Run, silent
from burnish.records import TrainSettings as Settings
from burnish.store import Workspace
from burnish.train.dropout import GapDropout
from burnish.train.methods import adapt

IDS = torch.randint(3, 300, (1, 12), generator=torch.Generator().manual_seed(0))
METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "pissa": {"init_lora_weights": "pissa"},
    "modules": {"modules_to_save": ("lm_head",)},
    "dora": {"method": "dora"},
    "qlora": {"method": "qlora"},
    "full": {"method": "full", "learning_rate": 1e-3},
}

pytestmark = pytest.mark.filterwarnings("ignore")


def made(folder: Path, base: Path, **train: Any) -> Workspace:
    settings = {"learning_rate": 1e-2, "epochs": 1, "max_length": 128}
    return small_workspace(folder, base, **settings | train)


def parts(place: Workspace) -> tuple[Dataset, BaseChoice]:
    (dataset,), (chosen,) = place.records(Dataset), place.records(BaseChoice)
    return dataset, chosen


def logits(place: Workspace, run: Run, chosen: BaseChoice) -> torch.Tensor:
    model: Any = load_tuned(chosen, run.settings, place.path(run, run.weights))
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


@pytest.mark.parametrize("name", METHODS)
def test_the_first_step_is_taken_from_the_weights_of_the_run_before(
    tmp_path: Path, tiny_base: Path, name: str
) -> None:
    place = made(tmp_path, tiny_base, **METHODS[name])
    first = pipeline.run_train(place)
    dataset, chosen = parts(place)
    still = read_brief(place.brief)
    train = still.train.model_copy(update={"learning_rate": 1e-12})
    still = still.model_copy(update={"train": train})
    unmoved = make_run(place, still, dataset, chosen, False, silent, begin=first)
    assert unmoved.id != first.id
    assert torch.allclose(
        logits(place, unmoved, chosen), logits(place, first, chosen), atol=1e-4
    ), "a run that learns nothing differs from the one it went on from"
    assert unmoved.validation_loss[0] == pytest.approx(first.validation_loss[-1], abs=1e-3)
    parents = {"dataset": dataset.hash, "base": chosen.hash, "run": first.hash}
    assert unmoved.parents == parents


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Workspace:
    """A workspace with one run."""
    place = made(tmp_path_factory.mktemp("trained"), tiny_base)
    pipeline.run_train(place)
    return place


def test_an_ordinary_run_keeps_its_hash(trained: Workspace) -> None:
    (run,), (dataset, chosen) = trained.records(Run), parts(trained)
    task = read_brief(trained.brief)
    parents, inputs = inputs_of(task, dataset, chosen)
    assert (run.inputs_hash, run.parents) == (inputs, parents)
    assert set(parents) == {"dataset", "base"}
    assert inputs_of(task, dataset, chosen, run)[1] != inputs


@pytest.mark.parametrize("fused", [True, False])
def test_adapters_that_go_on_learn_with_the_dropout_of_the_brief(
    tmp_path: Path, *, fused: bool
) -> None:
    from burnish.train.dropout import use_gap_dropout
    from burnish.train.fused import fuse

    before = adapt(tiny_model("llama"), Settings(lora_dropout=0.0, r=4))
    with torch.no_grad():
        for key, weight in before.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(weight, std=0.1)
    before.save_pretrained(str(tmp_path))
    settings = Settings(lora_dropout=0.25, r=4)
    model = adapt(tiny_model("llama"), settings, begin=tmp_path)
    assert isinstance(model, PeftModel)
    use_gap_dropout(model, settings.lora_dropout)
    if fused:
        fuse(model)
    with torch.no_grad():
        model.eval()
        before.eval()
        wanted = before(input_ids=IDS).logits
        assert torch.allclose(model(input_ids=IDS).logits, wanted, atol=1e-5)
    gaps = [one for one in model.modules() if isinstance(one, GapDropout)]
    assert gaps
    assert {one.p for one in gaps} == {0.25}
    trained = {key for key, one in model.named_parameters() if one.requires_grad}
    assert trained == {key for key, _ in model.named_parameters() if "lora_" in key}
    model.train()
    model(input_ids=IDS).logits.square().mean().backward()
    grads = [one.grad for one in model.parameters() if one.requires_grad]
    assert all(grad is not None and bool(grad.abs().sum() > 0) for grad in grads)


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, tiny_base: Path) -> None:
    class StopError(Exception):
        pass

    def interrupt(event: Event) -> None:
        if event.step == "train" and event.done == 3:
            raise StopError

    files = []
    for name in ("calm", "broken"):
        place = made(tmp_path / name, tiny_base, save_steps=2, epochs=2)
        first = pipeline.run_train(place)
        dataset, chosen = parts(place)
        task = read_brief(place.brief)
        if name == "broken":
            with pytest.raises(StopError):
                make_run(place, task, dataset, chosen, False, interrupt, begin=first)
        files.append(make_run(place, task, dataset, chosen, False, silent, begin=first))
    assert files[1].resumed == 1
    assert files[0].files == files[1].files
    assert files[0].hash == files[1].hash


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"r": 4}, "train.r: 2 then, 4 now"),
        ({"method": "dora"}, "train.method: lora then, dora now"),
        ({"method": "adalora"}, "AdaLoRA"),
    ],
)
def test_what_cannot_go_on_is_refused_before_any_work(
    trained: Workspace, changed: dict[str, Any], told: str
) -> None:
    (first,), (dataset, chosen) = trained.records(Run), parts(trained)
    task = read_brief(trained.brief)
    train = Settings.model_validate(task.train.model_dump() | changed)
    other = task.model_copy(update={"train": train})
    with pytest.raises(TrainingError, match="cannot go on") as caught:
        make_run(trained, other, dataset, chosen, False, silent, begin=first)
    assert told in str(caught.value)
    assert "continue_adapter" in caught.value.hint
    assert len(trained.records(Run)) == 1


def test_another_base_or_missing_weights_are_refused(trained: Workspace) -> None:
    (first,), (dataset, chosen) = trained.records(Run), parts(trained)
    task = read_brief(trained.brief)
    other = chosen.model_copy(update={"name": "other", "hash": "0" * 64})
    with pytest.raises(TrainingError, match="another form"):
        make_run(trained, task, dataset, other, False, silent, begin=first)
    gone = first.model_copy(update={"id": "gone"})
    with pytest.raises(TrainingError, match="not in the workspace any more"):
        make_run(trained, task, dataset, chosen, False, silent, begin=gone)
