"""Task names, reasons and folders that try to leave their place in a manifest."""

import json
import re
from typing import Any

import pytest
import yaml
from deploy.plans import files_of

from burnish.deploy.rendering import plain, quoted
from burnish.deploy.targets import TARGETS
from burnish.records.deploy_plan import ModelSource

HOSTILE = [
    "a: b\n- c",
    "{{ x }}{% raw %}",
    '"\n---\nkind: Secret\n',
    "# no comment\nprivileged: true",
    "${HOME} $(id) `id` $$",
    "x" * 500,
    "Ärzte 看護 🩺 \u202e\u2028\x85\x00\x7f\ud800",
    "' \\ \" &a *a !!python/object:os.system",
    "|\n```\n# heading <script>",
]


def shape(value: Any) -> Any:
    """Keys and types, without texts."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("target", TARGETS)
def test_no_text_changes_what_a_file_says(target: Any, text: str) -> None:
    changes: dict[str, Any] = {"decision": "don't ship", "overruled": text[:200], "reason": text}
    calm = files_of(target, **(changes | {"overruled": "calm", "reason": "calm"}))
    wild = files_of(target, task_name=text, **changes)
    assert set(wild) == set(calm)
    for file in wild:
        if file.endswith(".yaml"):
            before, after = (list(yaml.safe_load_all(one[file])) for one in (calm, wild))
            assert shape(before) == shape(after), file
        elif file.endswith(".json") and file != "plan.json":
            assert shape(json.loads(calm[file])) == shape(json.loads(wild[file])), file
        elif file.endswith("Dockerfile"):
            steps = [re.findall(rb"^[A-Z]+ ", one[file], re.MULTILINE) for one in (calm, wild)]
            assert steps[0] == steps[1], file
        elif file == "README.md":
            heads = [re.findall(rb"^#+ |^\|", one[file], re.MULTILINE) for one in (calm, wild)]
            assert heads[0] == heads[1]
            assert b"<script>" not in wild[file]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_task_is_told_as_it_is_called(text: str) -> None:
    files = files_of("kubernetes", task_name=text)
    notes = next(yaml.safe_load_all(files["manifests/engine.yaml"]))["metadata"]["annotations"]
    assert notes["burnish.dev/task"] == text.replace("\ud800", "?")
    compose = yaml.safe_load(files_of("compose", task_name=text)["compose.yaml"])
    # Compose turns $$ into $ when it reads the file.
    assert compose["x-burnish"]["task"].replace("$$", "$") == text.replace("\ud800", "?")


def test_a_reason_is_no_variable_of_a_container() -> None:
    changes: dict[str, Any] = {"decision": "don't ship", "overruled": "see $(BURNISH_DATABASE)"}
    gateway = files_of("kubernetes", **changes)["manifests/gateway.yaml"]
    deployment = next(one for one in yaml.safe_load_all(gateway) if one["kind"] == "Deployment")
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[-1] == "see $$(BURNISH_DATABASE)"


@pytest.mark.parametrize("place", ["/srv/a b", "/srv/$HOME/`id`", '/srv/it\'s, "here"', "/srv/a:b"])
def test_folders_with_odd_names_stay_one_word(place: str) -> None:
    source = ModelSource(kind="folder", place=place)
    compose = yaml.safe_load(files_of("compose", model=source)["compose.yaml"])
    (bound,) = compose["services"]["engine"]["volumes"]
    assert bound["source"].replace("$$", "$") == place
    import csv
    import shlex

    commands = json.loads(files_of("docker", model=source)["plan.json"])["commands"]
    line = next(one for one in commands if "--mount" in one)
    fields = next(csv.reader([shlex.split(line.rstrip("\\"))[1]]))
    assert f"source={place}" in fields
    copied = json.loads(files_of("kubernetes", model=source)["plan.json"])["commands"]
    assert any(f"{place}/." in shlex.split(one) for one in copied if one.startswith("kubectl cp"))


def test_quoting_is_read_back_by_yaml_and_json() -> None:
    for text in [*HOSTILE[:6], "", "yes", "1.0", "null", "~", "🩺é"]:
        assert yaml.safe_load(quoted(text)) == text
        assert json.loads(quoted(text)) == text


def test_plain_refuses_what_is_not() -> None:
    assert plain("a-1.b/c:d@e=f") == "a-1.b/c:d@e=f"
    for text in ("a b", "a\n", "", "-a", "a'b", "ä"):
        with pytest.raises(ValueError, match="not plain"):
            plain(text)
