"""Faults of the sections that name servers or systems: each told by its key."""

from typing import Any

import pytest

from burnish.brief.check import check

LEAST: dict[str, Any] = {
    "name": "t", "kind": "classify", "metric": "accuracy",
    "data": {"source": "a.csv", "inputs": ["x"], "output": ["y"]},
}  # fmt: skip
AT = "openai-compatible:http://127.0.0.1:1/v1:m"
LARGE = {"name": "large", "model": AT}


def test_a_sound_brief_names_a_judge_people_and_models() -> None:
    values = {
        "judge": {"model": AT, "against": "large", "sheets": ["rubric"]},
        "people": {"systems": ["tuned", "large", "classic"], "sheets": ["pairwise", "rubric"]},
        "compare": [LARGE, {"name": "other", "model": AT, "shots": 2}],
    }
    task, faults = check(LEAST | values)
    assert faults == []
    assert task is not None
    assert [compared.name for compared in task.compare] == ["large", "other"]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"judge": {"model": "gpt-4"}}, "`judge.model`: The model's name is not of the form"),
        ({"judge": {"model": AT, "key_variable": "sk-1"}}, "`judge.model`: `key_variable` is not"),
        ({"judge": {"against": "tuned"}}, "`judge.against` names 'tuned'; expected one of classic"),
        ({"judge": {"against": "large"}}, "`judge.against` names 'large'"),
        ({"judge": {"sheets": []}}, "`judge.sheets` is a list; expected one entry at least."),
        ({"judge": {"least_kapa": 1}}, "did you mean `judge.least_kappa`?"),
        ({"people": {"systems": ["tuned"]}}, "`people.systems` names one system"),
        ({"people": {"systems": ["tuned", "x"]}}, "`people.systems` names 'x'"),
        ({"people": {"sheets": ["ab"]}}, "expected pairwise or rubric"),
        ({"compare": [LARGE, LARGE]}, "`compare[2].name` is 'large', which another system"),
        ({"compare": [{"name": "zero-shot", "model": AT}]}, "`compare[1].name` is 'zero-shot'"),
        ({"compare": {"name": "large"}}, "`compare` is a section of keys and values; expected a"),
    ],
)
def test_each_fault_is_told_by_its_key(values: dict[str, Any], fault: str) -> None:
    task, faults = check(LEAST | values)
    assert task is None
    assert any(fault in one for one in faults), faults


@pytest.mark.parametrize(
    "uri", ["https://me:planted@host/x", "https://planted@host", "postgresql://me:planted@host/db"]
)
def test_no_secret_stands_in_the_address_of_mlflow(uri: str) -> None:
    task, faults = check(LEAST | {"history": {"mlflow": uri}})
    assert task is None
    (fault,) = faults
    assert "MLFLOW_TRACKING_URI" in fault
    assert "planted" not in fault


@pytest.mark.parametrize("uri", ["environment", "mlflow", "http://host:5000", "sqlite:///a/b.db"])
def test_mlflow_is_named_by_a_uri_a_folder_or_the_environment(uri: str) -> None:
    assert check(LEAST | {"history": {"mlflow": uri}})[1] == []
