"""Every form: written, loaded back, equal; what is wrong is refused and leaves no files."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from exporting import save_base, trained  # type: ignore[import-not-found]
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from burnish import pipeline
from burnish.base.load import load_model
from burnish.brief.file import read_brief
from burnish.errors import BurnishError, ExportError
from burnish.export import make
from burnish.export.forms import FORMS, choose_precision
from burnish.records import BaseChoice, Dataset, Export, Run
from burnish.store import Workspace, read_split
from burnish.store.files import sha256_file

PROVED = [
    ("adapter", "unchanged"), ("merged", "float32"), ("merged", "bfloat16"), ("merged", "float16"),
    ("gguf", "F32"), ("gguf", "F16"), ("gguf", "BF16"), ("gguf", "Q8_0"), ("gguf", "Q5_1"),
    ("gguf", "Q5_0"), ("gguf", "Q4_1"), ("gguf", "Q4_0"),
]  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a finished run; tests that change it work on a copy of their own."""
    folder = tmp_path_factory.mktemp("ready")
    settings = {"epochs": 8, "learning_rate": 0.005}  # enough for answers of some letters
    return trained(folder / "task", save_base(folder / "base"), **settings)


def left(workspace: Workspace) -> list[str]:
    """What lies in the folders of exports beside their records."""
    found = (workspace.folder / "exports").glob("*/*")
    return sorted(path.name for path in found if path.name != "record.json")


@pytest.mark.parametrize(("form", "precision"), PROVED)
def test_a_form_is_proved_and_stands_as_recorded(
    ready: Workspace, form: str, precision: str
) -> None:
    done = pipeline.run_export(ready, form, precision=precision)
    (run,) = ready.records(Run)
    assert (done.status, done.form, done.precision, done.run) == (
        "complete",
        form,
        precision,
        run.id,
    )
    parity = done.parity
    assert parity is not None
    assert parity.prompt_hash == run.prompt_hash
    assert parity.n == run.validation_examples
    assert parity.bounds == FORMS[done.form].precisions[precision]
    assert parity.equal_answers >= parity.bounds.equal_answers * parity.n
    assert parity.mean_kl <= parity.bounds.mean_kl
    assert (parity.merge_difference is None) == (form == "adapter")
    folder = ready.path(done)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {*done.files, "record.json"}
    assert all(sha256_file(folder / name) == seal for name, seal in done.files.items())
    assert done.size == sum((folder / name).stat().st_size for name in done.files)


def test_rounding_orders_the_kinds(ready: Workspace) -> None:
    kinds = ("F32", "F16", "Q8_0", "Q5_1", "Q4_0")
    exports = [pipeline.run_export(ready, "gguf", precision=kind) for kind in kinds]
    gaps = [one.parity.mean_kl for one in exports if one.parity]
    assert gaps == sorted(gaps)
    assert gaps[0] < 1e-9 < gaps[-1]
    sizes = [one.size for one in exports]
    assert sizes == sorted(sizes, reverse=True)


def test_an_equal_export_is_not_repeated_but_a_changed_file_is(ready: Workspace) -> None:
    done = pipeline.run_export(ready, "merged", precision="float32")
    assert pipeline.run_export(ready, "merged", precision="float32") == done
    assert pipeline.run_export(ready, "merged", precision="float32", force=True).id != done.id
    path = ready.path(done, "model/model.safetensors")
    newest = [one for one in ready.records(Export) if one.precision == "float32"][-1]
    ready.path(newest, "model/config.json").write_text("{}")
    path.write_bytes(b"")
    again = pipeline.run_export(ready, "merged", precision="float32")
    assert again.id not in (done.id, newest.id)
    assert again.files == done.files


def test_evaluation_merged_and_adapter_answer_alike(ready: Workspace) -> None:
    """As evaluation loads the tuned system, token for token against transformers' own generate."""
    merged = pipeline.run_export(ready, "merged", precision="float32")
    adapter = pipeline.run_export(ready, "adapter")
    task = read_brief(ready.brief)
    (run,), (base,), (data,) = (ready.records(kind) for kind in (Run, BaseChoice, Dataset))
    tokenizer = AutoTokenizer.from_pretrained(ready.path(merged, "model"))
    models = {
        "merged": AutoModelForCausalLM.from_pretrained(
            ready.path(merged, "model"), dtype=torch.float32
        ),
        "adapter": PeftModel.from_pretrained(
            load_model(base, task.train), str(ready.path(adapter, "adapter"))
        ),
    }
    examples = read_split(ready, data, "validation")
    with pipeline.steps._engine(ready, task, base, run, "tuned") as engine:
        for example in examples:
            chat = [
                {"role": "system", "content": task.prompt.system},
                {"role": "user", "content": example.inputs["text"]},
            ]
            text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
            (written,) = engine.write([ids[0].tolist()], max_new_tokens=8)
            assert written.ids
            expected = written.ids + ([tokenizer.eos_token_id] if written.stopped else [])
            for model in models.values():
                found = model.generate(
                    input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=8,
                    do_sample=False, pad_token_id=tokenizer.pad_token_id,
                )  # fmt: skip
                assert found[0, ids.shape[1] :].tolist() == expected


@pytest.mark.parametrize("form", ["merged", "gguf"])
@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_a_merge_whose_scale_is_off_by_a_tenth_is_refused(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch, form: str, scale: float
) -> None:
    from burnish.base import load

    whole = load.load_merged

    def wrong(base: BaseChoice, settings: Any, weights: Path) -> Any:
        """The same merge, of an adapter whose B matrices are scaled."""
        other = ready.folder / f"scaled-{scale}"
        other.mkdir(exist_ok=True)
        (other / "adapter_config.json").write_bytes((weights / "adapter_config.json").read_bytes())
        tensors = load_file(weights / "adapter_model.safetensors")
        for name, tensor in tensors.items():
            tensors[name] = tensor * scale if "lora_B" in name else tensor
        save_file(tensors, other / "adapter_model.safetensors")
        return whole(base, settings, other)

    monkeypatch.setattr(load, "load_merged", wrong)
    before, records = left(ready), len(ready.records(Export))
    with pytest.raises(ExportError, match=r"merged weights are not the tuned ones.*0\.001"):
        pipeline.run_export(ready, form, force=True)
    assert left(ready) == before
    failed = ready.records(Export)[records:] or ready.records(Export)
    (refused,) = [one for one in failed if one.status == "failed"]
    assert "logits differ by up to" in str(refused.error)
    monkeypatch.undo()
    assert pipeline.run_export(ready, form, force=True).id == refused.id


def test_files_beyond_a_bound_are_refused_and_removed(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merge is right, but what is written is not: the head's signs are lost on the way."""
    whole = make.write_merged

    def lossy(model: Any, *rest: Any) -> None:
        with torch.no_grad():
            model.lm_head.weight.neg_()
        whole(model, *rest)

    monkeypatch.setattr(make, "write_merged", lossy)
    before = left(ready)
    with pytest.raises(ExportError) as caught:
        pipeline.run_export(ready, "merged", precision="float16", force=True)
    assert "were removed" in caught.value.message
    assert "greedy answers equal, bound 80%" in caught.value.message
    assert left(ready) == before
    failed = [one for one in ready.records(Export) if one.status == "failed"]
    assert "KL divergence" in str(failed[-1].error)


def test_a_tokenizer_whose_template_was_changed_is_refused(tmp_path: Path) -> None:
    workspace = trained(tmp_path / "task", save_base(tmp_path / "base"))
    (base,) = workspace.records(BaseChoice)
    template = Path(base.path) / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|im_start|>assistant", "<|im_start|>nurse"))
    with pytest.raises(ExportError, match="renders the validation prompts otherwise"):
        pipeline.run_export(workspace, "gguf")
    assert left(workspace) == []


def test_an_exported_tokenizer_that_renders_otherwise_is_refused(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make.write_merged

    def other(model: Any, tokenizer: Any, end: Any, folder: Path, precision: str) -> None:
        whole(model, tokenizer, end, folder, precision)
        template = folder / "chat_template.jinja"
        template.write_text("{{ bos_token }}" + template.read_text())

    monkeypatch.setattr(make, "write_merged", other)
    before = left(ready)
    with pytest.raises(ExportError, match="renders the validation prompts otherwise"):
        pipeline.run_export(ready, "merged", force=True)
    assert left(ready) == before


@pytest.mark.parametrize("method", ["full", "qlora", "dora"])
def test_methods_without_a_plain_adapter(tmp_path: Path, method: str) -> None:
    base = save_base(tmp_path / "base")
    settings = {"learning_rate": 1e-3} if method == "full" else {}
    workspace = trained(tmp_path / "task", base, method=method, **settings)
    done = pipeline.run_export(workspace, "gguf", precision="F16")
    assert done.parity is not None
    assert done.parity.mean_kl < 1e-6
    if method == "full":
        with pytest.raises(ExportError, match="has no adapter"):
            pipeline.run_export(workspace, "adapter")


def test_what_is_beside_the_files_says_how_good_the_run_is(ready: Workspace) -> None:
    done = pipeline.run_export(ready, "adapter")
    assert done.verdict is None
    page = ready.path(done, "adapter/README.md").read_text()
    assert "It has not been evaluated on the sealed test split" in page
    report = pipeline.run_evaluate(ready)
    assert report.verdict is not None
    again = pipeline.run_export(ready, "adapter")
    assert again.id != done.id
    assert again.verdict == report.verdict.decision != "ship"
    page = ready.path(again, "adapter/README.md").read_text()
    card = ready.path(report, "model-card.md").read_text()
    assert page.startswith(card.rstrip())
    assert f"not ship but: {report.verdict.decision}" in page
    settings = json.loads(ready.path(again, "adapter/adapter_config.json").read_text())
    assert str(ready.folder) not in json.dumps(settings)


def test_unknown_forms_precisions_and_runs_are_named(ready: Workspace) -> None:
    with pytest.raises(ExportError, match="no form 'ggml'") as caught:
        pipeline.run_export(ready, "ggml")
    assert "--form gguf" in caught.value.hint
    with pytest.raises(ExportError, match="no precision 'Q4_K_M'; it has F32"):
        pipeline.run_export(ready, "gguf", precision="Q4_K_M")
    with pytest.raises(ExportError, match="no complete run has it"):
        pipeline.run_export(ready, "merged", run="nothing")
    assert choose_precision("gguf", "q8_0") == ("gguf", "Q8_0")


def test_without_a_run_there_is_nothing_to_export(tmp_path: Path) -> None:
    from small_task import small_workspace

    workspace = small_workspace(tmp_path / "task", save_base(tmp_path / "base"))
    with pytest.raises(ExportError, match="no complete run") as caught:
        pipeline.run_export(workspace, "merged")
    assert caught.value.hint == "burnish train"


def test_files_are_copied_to_an_empty_folder_alone(ready: Workspace, tmp_path: Path) -> None:
    done = pipeline.run_export(ready, "merged", output=tmp_path / "out")
    copied = {path.name for path in (tmp_path / "out").iterdir()}
    assert copied == {Path(name).name for name in done.files}
    with pytest.raises(BurnishError, match="holds something"):
        pipeline.run_export(ready, "merged", output=tmp_path / "out")
