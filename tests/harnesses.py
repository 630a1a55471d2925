"""lm-evaluation-harness for tests: tasks of one's own, and a stand-in for the package.

What the stand-in gives has the keys of a real run (lm_eval 0.4.13, `RECORDED`).
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

RECORDED: dict[str, Any] = {
    "results": {
        "sums": {
            "name": "sums", "alias": "sums", "sample_len": 1, "acc,none": 0.0,
            "acc_stderr,none": "N/A", "acc_norm,none": 0.0, "acc_norm_stderr,none": "N/A",
        },
    },
    "group_subtasks": {},
    "versions": {"sums": 1.0},
    "n-shot": {"sums": 0},
    "higher_is_better": {"sums": {"acc": True, "acc_norm": True}},
    "n-samples": {"sums": {"original": 18, "effective": 1}},
    "samples": {
        "sums": [
            {
                "doc_id": 0,
                "doc": {"question": "What is 3 plus 2?", "choices": ["5", "6"], "answer": 0},
                "target": 0,
                "arguments": [("Question: What is 3 plus 2?\nAnswer:", " 5"),
                              ("Question: What is 3 plus 2?\nAnswer:", " 6")],
                "resps": [[(-11.538, False)], [(-11.591, False)]],
                "filtered_resps": [(-11.538, False), (-11.591, False)],
                "filter": "none",
                "metrics": ["acc", "acc_norm"],
                "doc_hash": "4a49", "prompt_hash": "b3c7", "target_hash": "5fec",
                "acc": 0.0,
                "acc_norm": 0.0,
            },
        ],
    },
    "config": {"model": "", "batch_sizes": [], "limit": 1, "bootstrap_iters": 0},
    "git_hash": "379e69d",
    "date": 1795816892.458,
    "lm_eval_version": "0.4.13",
}  # fmt: skip

Values = Mapping[str, Sequence[Any]]
"""Task → the value of each example."""


def results(values: Values, metric: str = "acc") -> dict[str, Any]:
    """Results as the harness gives them; each example comes once for each of two filters."""
    (sample,) = RECORDED["samples"]["sums"]
    return RECORDED | {
        "versions": dict.fromkeys(values, 1.0),
        "n-shot": dict.fromkeys(values, 0),
        "samples": {
            task: [
                {**sample, "doc_id": place, "filter": name, metric: value}
                for name, each in (("none", scored), ("loose", [1.0] * len(scored)))
                for place, value in enumerate(each)
            ]
            for task, scored in values.items()
        },
    }


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def nanmean(values: Sequence[float]) -> float:
    return mean(values)


def single(**aggregations: Callable[..., float]) -> SimpleNamespace:
    """A task object of the harness, as far as it is looked at."""
    return SimpleNamespace(
        aggregation=lambda: aggregations,
        higher_is_better=lambda: dict.fromkeys(aggregations, True),
    )


class Asked:
    """What stands in for lm_eval: its tasks, what it is asked, and what it answers.

    Args:
        answers: the values of each call in turn, or an error.
    """

    def __init__(self, tasks: dict[str, Any], answers: Sequence[Values | Exception]) -> None:
        self.tasks, self.answers, self.calls = tasks, list(answers), list[dict[str, Any]]()

    def install(self, patched: pytest.MonkeyPatch) -> None:
        names = ("lm_eval", "lm_eval.tasks", "lm_eval.models", "lm_eval.models.huggingface")
        made: dict[str, Any] = {name: ModuleType(name) for name in names}
        for name, module in made.items():
            module.__spec__ = ModuleSpec(name, None)
            patched.setitem(sys.modules, name, module)
        made["lm_eval"].__version__ = "0.0"
        made["lm_eval"].simple_evaluate = self.simple_evaluate
        made["lm_eval.tasks"].TaskManager = lambda include_path: SimpleNamespace(
            all_tasks=sorted(self.tasks), load=self.load
        )
        made["lm_eval.models.huggingface"].HFLM = lambda **given: given

    def load(self, names: list[str]) -> dict[str, Any]:
        found = {}
        for name in names:
            task = self.tasks[name]
            if isinstance(task, Exception):
                raise task
            found |= task if isinstance(task, dict) else {name: task}
        return {"tasks": found, "groups": {}, "group_map": {}}

    def simple_evaluate(self, **given: Any) -> dict[str, Any]:
        print("a bar of the harness")
        print("a notice of the harness", file=sys.stderr)
        self.calls.append(given)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return results(answer)


def write_tasks(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Two tasks over the same rows (question, choices, answer, written): sums and copies."""
    folder.mkdir(exist_ok=True)
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    head = (
        f"dataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\n"
        "test_split: test\n"
        'doc_to_text: "{{question}}"\nmetadata:\n  version: 1.0\n'
    )
    (folder / "sums.yaml").write_text(
        f"task: sums\noutput_type: multiple_choice\n{head}"
        'doc_to_target: answer\ndoc_to_choice: "{{choices}}"\ntarget_delimiter: ""\n'
        "metric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n"
    )
    (folder / "copies.yaml").write_text(
        f"task: copies\noutput_type: generate_until\n{head}"
        'doc_to_target: "{{written}}"\n'
        'generation_kwargs:\n  until: ["STOP"]\n  do_sample: true\n  temperature: 0.9\n'
        "  max_gen_toks: 6\n"
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n"
        "    higher_is_better: true\n"
    )
    return folder
