"""Choosing a base: its licence first, its revision on record, a template where it brings none."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from burnish.base.load import PLAIN, choose, load_tokenizer
from burnish.base.resolve import resolve
from burnish.chat.render import Renderer
from burnish.errors import BaseModelError
from burnish.records import BaseChoice, Example, Message, Task
from burnish.store import Workspace

EMPTY: dict[str, Any] = {
    "source": "folder", "path": "", "weights_sha256": "", "template_sha256": "",
    "architecture": "", "parameters": 0, "context_length": 0, "vocabulary": 0,
    "licence": "unknown",
}  # fmt: skip
OWN = """
[[model]]
name = "mine"
hub = "me/mine"
model_type = "llama"
num_hidden_layers = 2
hidden_size = 32
intermediate_size = 48
num_attention_heads = 4
num_key_value_heads = 2
head_dim = 8
vocab_size = 320
max_position_embeddings = 2048
licence = "mrl"
source = "me"
"""


def chosen(folder: Path, name: str, **brief: Any) -> BaseChoice:
    workspace = Workspace(folder)
    fields = {"name": name, **EMPTY}
    record = workspace.start(BaseChoice, "0" * 64, parents={}, seed=0, fields=fields)
    return choose(workspace, record, **brief)


@pytest.fixture
def without_template(tiny_base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "plain-base"
    shutil.copytree(tiny_base, folder)
    for file in folder.glob("chat_template*"):
        file.unlink()
    settings = folder / "tokenizer_config.json"
    keys = json.loads(settings.read_text())
    keys.pop("chat_template", None)
    settings.write_text(json.dumps(keys))
    return folder


def test_a_forbidden_use_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burnish.base.load.resolve", lambda *_: pytest.fail("it was looked for"))
    with pytest.raises(BaseModelError, match="does not allow commercial use"):
        chosen(tmp_path, "ministral-8b", use="commercial")
    with pytest.raises(BaseModelError, match="does not allow commercial use"):
        chosen(tmp_path, "mistralai/Ministral-8B-Instruct-2410@abc", use="commercial")


def test_entries_of_ones_own_are_judged_too(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text(OWN)
    with pytest.raises(BaseModelError, match="does not allow commercial use"):
        chosen(tmp_path, "mine", use="commercial")
    with pytest.raises(BaseModelError, match="could not be fetched"):
        chosen(tmp_path, "mine", use="research")


def test_an_overruled_licence_stands_on_record(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    found = replace(resolve(str(tiny_base)), licence="mrl")
    monkeypatch.setattr("burnish.base.load.resolve", lambda *_, **__: found)
    with pytest.raises(BaseModelError, match="does not allow commercial use"):
        chosen(tmp_path, "some/model", use="commercial")
    record = chosen(tmp_path, "some/model", use="commercial", allow_licence=True)
    assert record.licence_overruled
    assert record.verdict is not None
    assert record.verdict.allowed == "no"
    plain = chosen(tmp_path, "some/model")
    assert not plain.licence_overruled
    assert plain.hash == record.hash  # the brief's use changes no weights, so nothing is retrained


def test_a_missing_chat_template_gets_the_plain_one(tmp_path: Path, without_template: Path) -> None:
    record = chosen(tmp_path, str(without_template))
    assert record.template == PLAIN
    tokenizer = load_tokenizer(without_template)
    text = tokenizer.apply_chat_template(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert text.endswith("### User\nc\n\n### Assistant\n")
    assert "### Assistant\nb<|im_end|>\n\n" in text


def test_the_plain_template_trains_on_every_answer(without_template: Path) -> None:
    data = {"source": "x.csv", "messages": "chat"}
    task = Task.model_validate({"name": "t", "kind": "generate", "metric": "chrf", "data": data})
    renderer = Renderer(load_tokenizer(without_template), task)
    turns = [("user", "a"), ("assistant", "bcd"), ("user", "e")]
    history = tuple(Message(role=role, content=text) for role, text in turns)  # type: ignore[arg-type]
    example = Example(
        id="1", inputs={}, history=history, answer="fg", source="x", row=1, references=("fg",)
    )
    encoded = renderer.encode(example)
    assert sum(encoded.trained) == (3 + 1) + (2 + 1)


def test_a_template_of_its_own_is_kept(tmp_path: Path, tiny_base: Path) -> None:
    assert chosen(tmp_path, str(tiny_base)).template == "its own"


def test_a_revision_is_asked_for_and_recorded(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = tmp_path / "0123abc"
    shutil.copytree(tiny_base, commit)
    asked = {}

    def snapshot(hub_id: str, **options: Any) -> str:
        asked.update(options, hub_id=hub_id)
        return str(commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    found = resolve("me/model@0123abc")
    assert (asked["hub_id"], asked["revision"]) == ("me/model", "0123abc")
    assert found.revision == "0123abc"


def test_a_name_that_is_nearly_one_is_helped() -> None:
    with pytest.raises(BaseModelError) as caught:
        resolve("qwen3-9b")
    assert "did you mean" in caught.value.hint
    assert "qwen3-8b" in caught.value.hint
