"""Names and places that users invent: valid labels, or one clear refusal."""

import re
from pathlib import Path

import pytest

from burnish.deploy.names import LONGEST, check_image, label, read_source
from burnish.errors import DeployError

HOSTILE = [
    "a: b\n- c", "{{ x }}", "x" * 500, "Besuchsnotizen für Ärzte", "看護記録", "", "   ", "123 go",
    "$(reboot)", "`id`", "--help", "'; DROP TABLE", "a\x00b", "\ud800", "🩺", "..", "-", "a" * 40,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_every_name_becomes_a_label(name: str) -> None:
    found = label(name)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", found)
    assert len(found) <= LONGEST
    assert label(name) == found


def test_plain_names_stay_as_they_are_and_others_stay_apart() -> None:
    assert label("visit-notes") == label("Visit notes") == "visit-notes"
    assert label("看護記録") != label("看護記") != label("")
    assert label("a/b") != label("a.b")
    assert label("x" * 500) != label("x" * 501)


@pytest.mark.parametrize(
    ("text", "kind", "place", "path", "revision"),
    [
        ("pvc://models/visit/1", "pvc", "models", "visit/1", ""),
        ("s3://bucket", "s3", "bucket", "", ""),
        ("s3://bucket/a/b/", "s3", "bucket", "a/b", ""),
        ("gs://my_bucket/a", "gs", "my_bucket", "a", ""),
        ("az://account/models/a", "az", "account/models", "a", ""),
        ("hf://org/Name-1.7B@v1", "hf", "org/Name-1.7B", "", "v1"),
    ],
)
def test_places_are_read(text: str, kind: str, place: str, path: str, revision: str) -> None:
    found = read_source(text)
    assert (found.kind, found.place, found.path, found.revision) == (kind, place, path, revision)
    assert read_source(found.uri) == found


@pytest.mark.parametrize(
    "text",
    [
        "s3://", "s3://B", "s3://bucket/../other", "s3://bucket/a b", "s3://bucket/$(id)",
        "s3://bucket/a\n- b", "s3://bucket/{{x}}", "gs://bucket/a,env_auth=false:", "az://account",
        "hf://name", "hf://org/name/more", "hf://org/name@", "hf://org/name@a b", "hf://-x/-y",
        "ftp://host/a", "pvc://Claim", "s3://bucket/-rf", "s3://bucket/a\n",
    ],
)  # fmt: skip
def test_places_that_could_do_harm_are_refused(text: str) -> None:
    if text == "hf://org/name@":
        assert read_source(text).revision == ""
        return
    with pytest.raises(DeployError) as caught:
        read_source(text)
    assert caught.value.hint


def test_a_folder_must_hold_a_merged_model(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="holds no merged model"):
        read_source(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert read_source(str(tmp_path)).place == str(tmp_path.resolve())
    odd = tmp_path / "a\nb"
    odd.mkdir()
    (odd / "config.json").write_text("{}")
    (odd / "model.safetensors").write_bytes(b"")
    with pytest.raises(DeployError, match="cannot be printed"):
        read_source(str(odd))


@pytest.mark.parametrize(
    "image",
    ["burnish:1", "registry.example:5000/team/burnish:0.1.0", f"a/b@sha256:{'0' * 64}"],
)
def test_images_with_a_fixed_tag_are_taken(image: str) -> None:
    assert check_image(image) == image


@pytest.mark.parametrize(
    "image",
    ["burnish", "burnish:latest", "host:5000/burnish", "a b:1", "$(id):1", "Burnish:1", ":1", ""],
)
def test_other_images_are_refused(image: str) -> None:
    with pytest.raises(DeployError):
        check_image(image)
