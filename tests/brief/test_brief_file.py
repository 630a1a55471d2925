"""The brief on disk: all faults at once, in plain sentences; what is written reads back equal."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from burnish.brief.file import SCHEMA_FILE, brief_schema, read_brief, write_brief
from burnish.errors import BriefError
from burnish.records import (
    DataSettings,
    EvaluateSettings,
    PassMark,
    PromptSettings,
    Task,
    TrainSettings,
)

SOUND = """\
name: tickets
kind: classify
metric: macro_f1
data:
  source: tickets.csv
  inputs: text
  output: label
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "burnish.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> str:
    with pytest.raises(BriefError) as caught:
        read_brief(written(folder, text))
    assert caught.value.hint
    return "\n".join(caught.value.faults)


def summary_task(**changes: object) -> Task:
    values: dict[str, object] = {
        "name": "notes",
        "kind": "summarize",
        "metric": "rougeL",
        "data": DataSettings(source="notes.csv", inputs=("dialogue",), output=("note",)),
    }
    return Task.model_validate(values | changes)


def test_a_short_brief_reads_with_defaults(tmp_path: Path) -> None:
    task = read_brief(written(tmp_path, SOUND))
    assert task.data.inputs == ("text",)
    assert task.data.output == ("label",)
    assert task.train == TrainSettings()


def test_learning_rate_in_scientific_notation_is_a_number(tmp_path: Path) -> None:
    assert read_brief(written(tmp_path, SOUND + "train: {learning_rate: 5e-4}\n")).train == (
        TrainSettings(learning_rate=5e-4)
    )


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BriefError, match=r"no brief at .*burnish\.yaml") as caught:
        read_brief(tmp_path / "burnish.yaml")
    assert caught.value.hint.startswith("burnish init FILE")


def test_folder_and_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BriefError, match="cannot be read"):
        read_brief(tmp_path)
    path = tmp_path / "burnish.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(BriefError, match="not UTF-8"):
        read_brief(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- a\n- b\n", "a list"),
        ("hello\n", "single"),
    ],
)
def test_not_a_mapping(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(BriefError, match=found):
        read_brief(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: [a\nkind: classify\n", "line 2, column 5"),
        ("name: a\ndata:\n\tsource: x\n", "line 3, column 1: a tab"),
        ("name: a\x07b\n", "line 1: a control character (code 7)"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        ("name: !!python/object:os.system {}\n", "line 1"),
        ("data: *missing\n", "missing"),
        ("seed: 2024-13-45\n", "month"),
        ("data: &a\n  inputs: *a\n", "anchor"),
    ],
)
def test_yaml_faults_name_their_place(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in faults(tmp_path, text)


def test_every_fault_comes_at_once_in_file_order(tmp_path: Path) -> None:
    text = """\
name: my task
kind: clasify
metric: rougeL
data:
  trian: a.csv
  inputs: 3
  output: label
  train_fraction: 0.9
epochs: 3
train:
  epochs: 2.5
  learning_rate: -1
  max_length: .inf
  lr_scheduler_type: linaer
pass_mark:
  over: tuned
"""
    found = faults(tmp_path, text).split("\n")
    assert [line.split(":")[0] for line in found] == [
        f"line {n}" for n in (1, 2, 5, 6, 8, 9, 11, 12, 13, 14, 16)
    ]
    everything = "\n".join(found)
    assert "`name` is 'my task'; expected letters, digits, - and _ only" in everything
    assert "`kind` is 'clasify'; expected classify, summarize" in everything
    assert "Did you mean classify?" in everything
    assert "`data.trian` is unknown; did you mean `data.train`?" in everything
    assert "`epochs` is unknown; did you mean `train.epochs`?" in everything
    assert "`train.epochs` is 2.5; expected a whole number" in everything
    assert "`train.learning_rate` is -1; expected more than 0" in everything
    assert "The fractions of `data` sum to 1.1" in everything
    assert "neither" not in everything  # data.train was meant; its absence is no second fault
    assert "does not measure" not in everything  # the kind is unknown, so the metric may be right


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ("multi_label: maybe\n", "`multi_label` is 'maybe'; expected true or false"),
        ("seed: true\n", "`seed` is true; expected a number"),
        ("goal: 2024\n", "`goal` is 2024; expected text. Put it in quotes."),
        ("prompt: hello\n", "`prompt` is 'hello'; expected a section of keys and values"),
        ("train:\n  target_modules: 3\n", "`train.target_modules` is 3; expected text or a list"),
        ("evaluate:\n  systems: [tuned, zeroshot]\n", "`evaluate.systems[2]` is 'zeroshot'"),
        ("metrics: accuracy\n", "`metrics` is unknown; did you mean `metric`?"),
        ("zzz: 1\n", "`zzz` is unknown."),
        ("train:\n  batchsize: 4\n", "`train.batchsize` is unknown; did you mean `train.batch_"),
    ],
)
def test_field_faults_are_plain_sentences(tmp_path: Path, extra: str, fault: str) -> None:
    found = faults(tmp_path, SOUND + extra)
    assert fault in found
    assert "pydantic" not in found
    assert found.count("\n") == 0


def test_labels_that_yaml_reads_as_truth_values_get_a_hint(tmp_path: Path) -> None:
    found = faults(tmp_path, SOUND.replace("  output", "  labels: [yes, no, maybe]\n  output"))
    assert "`data.labels[1]` is true; expected text. Put it in quotes." in found
    assert "`data.labels[2]` is false" in found


def test_missing_keys_say_what_belongs_there(tmp_path: Path) -> None:
    found = faults(tmp_path, "goal: x\n")
    assert "`name` is missing; expected a short name" in found
    assert "`kind` is missing; expected classify, summarize, answer, extract or generate" in found
    assert "`metric` is missing; expected for classify: macro_f1" in found
    assert "`data` is missing" in found


def test_duplicate_keys_are_faults_beside_the_others(tmp_path: Path) -> None:
    found = faults(tmp_path, SOUND + "seed: 1\nseed: 2\ntrain:\n  epochs: 1\n  epochs: 0\n")
    assert "line 9: `seed` stands twice, first on line 8." in found
    assert "`train.epochs` stands twice" in found
    assert "`train.epochs` is 0; expected at least 1" in found


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"metric": "rougeL"}, "does not measure classify; expected macro_f1, micro_f1 or acc"),
        ({"data.train": "t.csv"}, "`data.source` stands beside `data.train`"),
        ({"data.source": None}, "neither `data.source` nor `data.train`"),
        ({"data.source": None, "data.test": "t.csv"}, "but `data.test` is given"),
        ({"data.source": None, "data.train": "a", "data.test": "a"}, "are the same file, a"),
        ({"data.source": " "}, "`data.source` is blank"),
        ({"base": ""}, "`base` is blank"),
        ({"data.inputs": []}, "`data.inputs` is missing; expected the column the model reads"),
        ({"data.output": []}, "`data.output` is missing"),
        ({"data.inputs": ["a", "a"]}, "names 'a' twice"),
        ({"data.messages": "messages"}, "stands beside `data.messages`"),
        ({"data.output": ["a", "b"]}, "names 2 columns, but `kind` is classify"),
        ({"data.inputs": ["text", "label"]}, "names 'label', which is the output too"),
        ({"data.id": "label"}, "`data.id` names 'label'"),
        ({"data.test_fraction": 0.2}, "sum to 1.1"),
        ({"prompt.template": "Say {txt}: {text}"}, "names {txt}, which is no input; did you mean"),
        ({"prompt.template": "Say it."}, "leaves out the input {text}"),
        ({"prompt.system": "Read {text}."}, "`prompt.system` holds {text}"),
        ({"json_schema": {"type": "object"}}, "only extract answers in JSON"),
        ({"kind": "extract", "metric": "field_f1", "json_schema": {"type": "objekt"}}, "at type"),
        ({"kind": "extract", "metric": "field_f1", "multi_label": True}, "only classify has sev"),
        ({"kind": "extract", "metric": "field_f1", "data.labels": ["a"]}, "only classify has lab"),
        ({"pass_mark.over": "tuned"}, "which is what gets measured"),
        ({"pass_mark.over": None, "pass_mark.at_least": 1.2}, "cannot be reached"),
        ({"pass_mark.at_least": -0.1}, "expected 0 or more"),
        ({"evaluate.systems": ["zero-shot"]}, "leaves out tuned"),
        ({"evaluate.nli": "org/nli"}, "`evaluate.nli` is set, but `kind` is classify"),
        ({"evaluate.bertscore": " "}, "`evaluate.bertscore` is blank"),
        ({"evaluate.bertscore_layer": 9}, "`evaluate.bertscore` names no model"),
        ({"evaluate.systems": ["classic", "tuned"]}, "is zero-shot, which `evaluate.systems` le"),
        ({"evaluate.systems": ["zero-shot", "tuned", "tuned"]}, "names tuned twice"),
        ({"prompt.shots": 0}, "`prompt.shots` is 0"),
        ({"evaluate.max_new_tokens": 1024}, "leaves no room"),
    ],
)
def test_contradictions(tmp_path: Path, changes: dict[str, object], fault: str) -> None:
    values = yaml.safe_load(SOUND)
    for key, value in changes.items():
        section, _, leaf = key.rpartition(".")
        (values.setdefault(section, {}) if section else values)[leaf] = value
    assert fault in faults(tmp_path, yaml.safe_dump(values))


def test_braces_that_name_no_column_may_stand_in_a_template(tmp_path: Path) -> None:
    text = SOUND + 'prompt:\n  template: |\n    Like {"a": 1} and {}: {text}\n'
    assert read_brief(written(tmp_path, text)).prompt.template.startswith('Like {"a": 1}')


def test_columns_with_odd_names_work_in_a_template(tmp_path: Path) -> None:
    task = summary_task(
        data=DataSettings(source="a", inputs=("What happened?", "{x}"), output=("note",)),
        prompt=PromptSettings(template="{What happened?} / {{x}}"),
    )
    write_brief(tmp_path / "burnish.yaml", task)
    assert read_brief(tmp_path / "burnish.yaml") == task


@pytest.mark.parametrize(
    "text",
    [
        "", "one line", "two\nlines", "ends\n", "ends\n\n", "\nstarts", "\n", "\n\n",
        "  indented\nx",
        "trailing \nspace", "tab\tand\n\ttab", "yes", "null", "1e3", "# no comment\n# none",
        "a: b\n- c: {d}", "cr\r\nlf", "nel\x85x", "sep\u2028x\ny", "emoji 🙂\nü", "'\"", "{text}",
        "bell\x07", "word " * 60, "word  two " * 40 + "\nx", "%YAML\n---\n...", "a\n \nb", "=", "~",
    ],
)  # fmt: skip
def test_any_text_reads_back_equal(tmp_path: Path, text: str) -> None:
    task = summary_task(goal=text, prompt=PromptSettings(system=text), train={"report_to": []})
    path = tmp_path / "burnish.yaml"
    write_brief(path, task, comments={"goal": "What for.\nSecond line # of it: yes"})
    assert read_brief(path) == task


@pytest.mark.parametrize(
    "task",
    [
        summary_task(),
        summary_task(
            data=DataSettings(
                train="a.csv", validation="b.csv", test="c.csv", inputs=("x", "y: z"), output="n",
                group="g", id="i", max_rows=9, allow_small=True,
            )
        ),
        summary_task(data=DataSettings(train="a.jsonl", messages="messages"), kind="generate",
                     metric="chrf"),
        summary_task(
            pass_mark=PassMark(at_least=0.5, over=None), base="./my model", seed=7,
            train=TrainSettings(target_modules=("q_proj", "v_proj"), learning_rate=1e-5,
                                report_to=("wandb",), tokens_per_row=4096),
            evaluate=EvaluateSettings(systems=("zero-shot", "tuned"), resamples=500),
        ),
        Task(
            name="slots", kind="extract", metric="field_f1",
            data=DataSettings(source="s", inputs=("text",), output=("intent", "slots")),
            json_schema={"type": "object", "properties": {"no": {"enum": ["yes", 1, None]}}},
        ),
        Task(
            name="sentiment", kind="classify", metric="accuracy", multi_label=True,
            data=DataSettings(source="s", inputs=("text",), output=("l",),
                              labels=tuple(f"label {n}" for n in range(40))),
        ),
    ],
)  # fmt: skip
def test_a_written_brief_reads_back_equal(tmp_path: Path, task: Task) -> None:
    path = tmp_path / "burnish.yaml"
    write_brief(path, task)
    assert read_brief(path) == task
    assert max(map(len, path.read_text().split("\n"))) <= 100


def test_a_written_brief_is_made_to_be_edited(tmp_path: Path) -> None:
    task = summary_task(prompt=PromptSettings(system="Summarise.\nBriefly.", template="{dialogue}"))
    path = tmp_path / "burnish.yaml"
    write_brief(path, task, comments={"data.id": "IDs restart in each file."})
    text = path.read_text()
    assert "  system: |-\n    Summarise.\n    Briefly.\n" in text
    assert "  inputs: [dialogue]\n  output: note\n" in text
    assert "  # IDs restart in each file.\n  id: null\n" in text
    assert "lora_alpha" not in text
    assert "json_schema" not in text
    order = ["name:", "kind:", "goal:", "metric:", "pass_mark:", "base:", "seed:", "data:",
             "prompt:", "train:", "epochs:", "learning_rate:", "batch_size:", "max_length:",
             "evaluate:", "max_new_tokens:"]  # fmt: skip
    places = [text.index(key) for key in order]
    assert places == sorted(places)
    for section in ("pass_mark:", "data:", "prompt:", "train:", "evaluate:"):
        assert text[: text.index(f"\n{section}")].rsplit("\n", 1)[1].startswith("# ")


def test_a_comment_on_an_unknown_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.trian"):
        write_brief(tmp_path / "burnish.yaml", summary_task(), comments={"data.trian": "x"})


def test_schema_accepts_what_is_written_and_refuses_strangers(tmp_path: Path) -> None:
    path = tmp_path / "burnish.yaml"
    write_brief(path, summary_task())
    validator = jsonschema.Draft202012Validator(brief_schema())
    validator.check_schema(brief_schema())
    values = yaml.safe_load(path.read_text())
    assert not list(validator.iter_errors(values))
    values["data"]["trian"] = 1
    assert list(validator.iter_errors(values))
    assert (tmp_path / SCHEMA_FILE).read_text().startswith("{")
