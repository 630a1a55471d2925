"""Recipes: what llm-compressor reads, calibrated on the training split alone, and unproved."""

import json
from pathlib import Path

import pytest
import yaml
from exporting import save_base, trained  # type: ignore[import-not-found]

from burnish import pipeline
from burnish.brief.file import read_brief
from burnish.pipeline.data import renderer_of
from burnish.records import BaseChoice, Dataset
from burnish.store import Workspace, read_split

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("ready")
    return trained(folder / "task", save_base(folder / "base"))


@pytest.mark.parametrize(
    ("form", "modifiers"),
    [
        ("gptq", ["GPTQModifier"]),
        ("awq", ["AWQModifier", "QuantizationModifier"]),
        ("fp8", ["QuantizationModifier"]),
    ],
)
def test_a_recipe_says_what_it_is_and_that_nothing_is_proved(
    ready: Workspace, form: str, modifiers: list[str]
) -> None:
    done = pipeline.run_export(ready, form)
    assert (done.status, done.parity, done.folder) == ("complete", None, "recipe")
    assert "not run on a GPU" in done.unproved
    folder = ready.path(done, "recipe")
    names = {"README.md", "recipe.yaml", "calibration.jsonl", "quantise.py"}
    assert {path.name for path in folder.iterdir()} == names
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())["quantise"]["modifiers"]
    assert list(recipe) == modifiers
    assert recipe[modifiers[-1]]["scheme"] == done.precision
    assert recipe[modifiers[-1]]["ignore"] == ["lm_head"]
    compile((folder / "quantise.py").read_text(), "quantise.py", "exec")
    assert "Not run on a GPU here" in (folder / "README.md").read_text()


def test_calibration_is_of_the_training_split_alone(ready: Workspace) -> None:
    done = pipeline.run_export(ready, "awq")
    (data,), (base,) = ready.records(Dataset), ready.records(BaseChoice)
    renderer = renderer_of(read_brief(ready.brief), base)
    lines = ready.path(done, "recipe/calibration.jsonl").read_text().splitlines()
    found = [json.loads(line)["input_ids"] for line in lines]
    training = read_split(ready, data, "train")
    assert found == [renderer.encode(example).ids for example in training]
    others = [renderer.encode(example).ids for example in read_split(ready, data, "validation")]
    assert not any(ids in found for ids in others)


def test_a_recipe_reads_no_sealed_file(ready: Workspace, tmp_path: Path) -> None:
    (data,) = ready.records(Dataset)
    sealed = ready.path(data, "test.jsonl")
    aside = tmp_path / "test.jsonl"
    sealed.rename(aside)
    try:
        assert pipeline.run_export(ready, "gptq", force=True).status == "complete"
        assert pipeline.run_export(ready, "merged", force=True).status == "complete"
    finally:
        aside.rename(sealed)
