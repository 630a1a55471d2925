"""Refreshing: what the hub says is written to the workspace, and nothing else is."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from burnish.base.catalogue import Catalogue
from burnish.base.refresh import refresh
from burnish.errors import BaseModelError

NEW = {
    "model_type": "llama", "num_hidden_layers": 4, "hidden_size": 64, "intermediate_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 2048,
}  # fmt: skip


def config_of(hub: str) -> dict[str, Any]:
    model = Catalogue().get(hub)
    if model is None:
        return NEW
    keys = model.figures.model_dump(exclude={"other_parameters"}, exclude_none=True)
    return keys if hub != "microsoft/phi-4" else keys | {"num_hidden_layers": 41}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[set[str]], None]:
    """A hub that serves config.json files, but not of the models that are shut."""
    shut: set[str] = set()

    def download(hub_id: str, name: str, **_: Any) -> str:
        if hub_id in shut or "*" in shut:
            raise OSError(f"{hub_id} is shut")
        file = tmp_path / "hub" / hub_id / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(config_of(hub_id)))
        return str(file)

    def info(self: Any, hub_id: str, **_: Any) -> Any:
        card = {"license": "apache-2.0", "language": ["en", "de"]}
        return SimpleNamespace(card_data=card, gated=False)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", info)
    return shut.update


def test_what_differs_is_written_and_read_back(tmp_path: Path, hub: Any) -> None:
    own = tmp_path / "catalogue.toml"
    hub({"google/gemma-2-9b-it"})
    done = refresh(own, "smollm2-135m")
    assert done.written == ("phi-4",)
    assert list(done.unread) == ["gemma-2-9b"]
    assert done.checked == len(Catalogue()) - 1
    changed = Catalogue(own).get("phi-4")
    assert changed is not None
    assert changed.figures.num_hidden_layers == 41
    assert changed.source == "config.json on the hub"
    assert len(Catalogue(own)) == len(Catalogue())


def test_a_hub_id_that_nobody_knows_becomes_an_entry(tmp_path: Path, hub: Any) -> None:
    own = tmp_path / "catalogue.toml"
    done = refresh(own, "some/new-model@main")
    assert done.written == ("phi-4", "some/new-model")
    new = Catalogue(own).get("some/new-model")
    assert new is not None
    assert (new.licence, new.languages, new.gated) == ("apache-2.0", ("en", "de"), False)
    assert new.figures.head_dim == 16
    again = refresh(own, "some/new-model")
    assert again.written == ()


def test_a_hub_out_of_reach_is_one_message(tmp_path: Path, hub: Any) -> None:
    hub({"*"})
    with pytest.raises(BaseModelError, match="cannot be reached"):
        refresh(tmp_path / "catalogue.toml", "smollm2-135m")
    assert not (tmp_path / "catalogue.toml").exists()
