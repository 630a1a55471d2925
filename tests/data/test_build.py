"""From tables to splits: every row accounted for, nothing torn, on made and on real data."""

import json
import os
import random
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from burnish.data.build import build
from burnish.data.examples import input_key
from burnish.data.schema import infer_schema
from burnish.errors import DataError
from burnish.records import CheckSettings, DataSettings, Table, Task


@pytest.fixture(scope="module")
def data():
    folder = os.environ.get("BURNISH_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BURNISH_DATA does not name the folder of real data sets")
    return Path(folder)


def task(kind="classify", *, seed=0, multi_label=False, json_schema=None, checks=None, **settings):
    settings = {"inputs": ("text",), "output": ("label",)} | settings
    return Task(
        name="t", kind=kind, metric="accuracy", seed=seed, multi_label=multi_label,
        json_schema=json_schema, data=DataSettings(**settings),
        checks=CheckSettings(**checks or {}),
    )  # fmt: skip


def table(rows, path="f.jsonl", numbers=None):
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(path, "jsonl", "utf-8", columns, rows, numbers or list(range(1, len(rows) + 1)))


def jsonl(path, most=None):
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:most] if line]


def rows(n, labels="ab", prefix="text"):
    return [{"text": f"{prefix} {i}", "label": labels[i % len(labels)]} for i in range(n)]


def shuffled(rows, seed=0):
    return random.Random(seed).sample(rows, len(rows))


def outline(built):
    """All that must not depend on the order of rows."""
    return {
        name: [e.model_dump(exclude={"row", "source"}) for e in examples]
        for name, examples in built.splits.items()
    }


def check_sound(built):
    assert built.rows_read == sum(map(len, built.splits.values())) + len(built.dropped)
    seen = {}
    for name, examples in built.splits.items():
        assert examples
        for e in examples:
            assert seen.setdefault(input_key(e), name) == name
            assert seen.setdefault(("id", e.id), (name, e.row)) == (name, e.row)
    places = [(e.source, e.row) for examples in built.splits.values() for e in examples]
    places += [(drop.source, drop.row) for drop in built.dropped]
    assert len(set(places)) == built.rows_read


def reasons(built):
    return Counter(drop.reason for drop in built.dropped)


def test_a_source_is_split_whole():
    built = build(task(), {"source": table(rows(100))})
    check_sound(built)
    assert {name: len(examples) for name, examples in built.splits.items()} == {
        "train": 80, "validation": 10, "test": 10,
    }  # fmt: skip
    assert (built.labels, built.json_schema, built.dropped) == (("a", "b"), None, [])


def test_exact_duplicates_keep_the_first_row():
    made = rows(60)
    made.insert(5, dict(made[3]))
    built = build(task(), {"source": table(made)})
    check_sound(built)
    (drop,) = built.dropped
    assert (drop.row, drop.reason, drop.kept) == (6, "exact duplicate", "f.jsonl row 4")
    assert drop.text == "text 3"


def test_duplicates_differ_by_case_and_space_at_most_and_order_has_no_say():
    made = [*rows(60), {"text": " TEXT  3", "label": "B"}, {"text": "text 3", "label": "a"}]
    built = build(task(allow_small=True), {"source": table(made)})
    check_sound(built)
    assert reasons(built) == {"exact duplicate": 1}
    assert any(
        "rows 4 and 62" in sentence or "rows 61 and 62" in sentence for sentence in built.advice
    )
    assert outline(built) == outline(
        build(task(allow_small=True), {"source": table(shuffled(made))})
    )


def test_any_order_of_rows_gives_the_same_data_set():
    rng = random.Random(3)
    for kind in ("classify", "generate"):
        made = [
            {
                "text": rng.choice([f"t{i % 50}", f" T{i % 50}"]),
                "label": rng.choice("aAbc"),
                "doc": rng.choice([None, str(rng.randrange(150))]),
            }
            for i in range(300)
        ]
        brief = task(kind, group="doc", max_rows=120, allow_small=True)
        expected = build(brief, {"source": table(made)})
        check_sound(expected)
        for seed in range(3):
            again = build(brief, {"source": table(shuffled(made, seed), "other.csv")})
            assert outline(again) == outline(expected)


def test_empty_answers_are_listed_among_the_dropped():
    built = build(task(), {"source": table([*rows(60), {"text": "x", "label": ""}])})
    check_sound(built)
    assert reasons(built) == {"empty answer": 1}


def test_fewer_than_fifty_examples_need_permission():
    made = {"source": table(rows(49))}
    with pytest.raises(DataError, match="49 usable examples") as caught:
        build(task(), made)
    assert "allow_small: true" in caught.value.hint
    check_sound(build(task(allow_small=True), made))
    with pytest.raises(DataError, match="at least 6"):
        build(task(allow_small=True), {"source": table(rows(5, "a") + rows(0))})
    with pytest.raises(DataError, match="0 usable"):
        build(task(), {"source": Table("f", "csv", "utf-8", ("text", "label"), [], [])})


def test_duplicates_do_not_count_towards_the_fifty():
    with pytest.raises(DataError, match="30 usable examples"):
        build(task(), {"source": table(rows(30) * 2)})


def test_too_small_a_max_rows_is_named_as_the_cause():
    with pytest.raises(DataError, match="max_rows: 20") as caught:
        build(task(max_rows=20), {"source": table(rows(100))})
    assert "raise `max_rows`" in caught.value.hint


def test_a_single_label_is_refused():
    with pytest.raises(DataError, match='one label "a"'):
        build(task(), {"source": table(rows(60, "a"))})


def test_rare_labels_are_refused_with_counts_and_rows():
    made = [*rows(60), {"text": "p", "label": "rare"}, {"text": "q", "label": "rare"}]
    with pytest.raises(DataError) as caught:
        build(task(), {"source": table(made)})
    assert caught.value.faults == ('"rare": 2 (f.jsonl row 61, f.jsonl row 62)',)
    for word in ("merge", "labels", "allow_small"):
        assert word in caught.value.hint


def test_with_permission_rare_labels_stay_in_train():
    made = [*rows(60), {"text": "p", "label": "rare"}, {"text": "q", "label": "rare"}]
    built = build(task(allow_small=True), {"source": table(made)})
    assert sum(e.answer == "rare" for e in built.splits["train"]) == 2
    assert any("no test example" in sentence and "rare" in sentence for sentence in built.advice)


def test_every_fault_is_told_at_once():
    made = [*rows(10), {"text": "x" * 60_000, "label": "c"}, *[{"text": "y", "label": ""}] * 5]
    with pytest.raises(DataError) as caught:
        build(task(labels=("a", "d")), {"source": table(made)})
    for part in ("longer than 50,000", "5 of the 16 rows", "11 usable", "labels that no row has"):
        assert part in caught.value.message


def test_labels_not_asked_for_are_dropped():
    built = build(task(labels=("a", "b")), {"source": table(rows(120, "abc"))})
    check_sound(built)
    assert built.labels == ("a", "b")
    assert reasons(built) == {"label not kept": 40}
    with pytest.raises(DataError) as caught:
        build(task(labels=("a", "Bee")), {"source": table(rows(120, ["a", "bees"]))})
    assert caught.value.faults == ('"Bee"; nearest: "bees"',)


def test_of_several_labels_all_must_be_kept():
    made = [{"text": f"t{i}", "label": ["a", "b"] if i % 3 else ["a", "c"]} for i in range(90)]
    built = build(task(multi_label=True, labels=("a", "b"), allow_small=True), {
        "source": table([*made, {"text": "none", "label": []}]),
    })  # fmt: skip
    assert reasons(built) == {"label not kept": 30}
    answers = {e.answer for examples in built.splits.values() for e in examples}
    assert answers == {"a\nb", "none"}


def test_max_rows_spares_the_users_own_validation_and_test():
    tables = {
        "train": table(rows(200), "train"),
        "validation": table(rows(70, prefix="v"), "validation"),
        "test": table(rows(80, prefix="t"), "test"),
    }
    built = build(task(max_rows=60), tables)
    check_sound(built)
    assert [len(built.splits[name]) for name in tables] == [60, 70, 80]
    assert reasons(built) == {"over max_rows": 140}


def test_own_files_lose_from_train_what_recurs_in_a_more_protected_file():
    tables = {
        "train": table(
            [*rows(60), {"text": "T 1", "label": "a"}, {"text": "v 1", "label": "a"}], "tr"
        ),
        "validation": table([*rows(20, prefix="v"), {"text": "t 2 ", "label": "b"}], "va"),
        "test": table(rows(20, prefix="t"), "te"),
    }
    built = build(task(), tables)
    check_sound(built)
    assert [(d.source, d.row, d.reason, d.kept) for d in built.dropped] == [
        ("tr", 61, "also in test", "te row 2"),
        ("tr", 62, "also in validation", "va row 2"),
        ("va", 21, "also in test", "te row 3"),
    ]
    assert [len(built.splits[name]) for name in tables] == [60, 20, 20]


@pytest.mark.parametrize(
    ("own", "expected"), [("validation", (89, 50, 11)), ("test", (89, 11, 50))]
)
def test_what_is_missing_is_cut_from_train_alone(own, expected):
    tables = {"train": table(rows(100), "tr"), own: table(rows(50, prefix="o"), "own")}
    built = build(task(), tables)
    check_sound(built)
    assert tuple(len(built.splits[n]) for n in ("train", "validation", "test")) == expected
    assert {e.source for e in built.splits[own]} == {"own"}


def test_a_file_of_which_nothing_is_left_is_refused():
    tables = {"train": table(rows(60), "tr"), "test": table(rows(60), "te")}
    with pytest.raises(DataError, match="Nothing is left of the train file"):
        build(task(), tables)


def test_ids_are_checked_over_all_files_where_a_column_is_named():
    def named(n, prefix):
        return [row | {"key": i} for i, row in enumerate(rows(n, prefix=prefix))]

    tables = {"train": table(named(60, "x"), "tr"), "test": table(named(2, "y"), "te")}
    check_sound(build(task(), tables))
    with pytest.raises(DataError) as caught:
        build(task(id="key"), tables)
    assert caught.value.faults == ('"0": tr row 1, te row 1', '"1": tr row 2, te row 2')


def test_further_answers_become_references_outside_train_only():
    made = [{"text": f"t{i}", "label": f"answer {i} {k}"} for i in range(60) for k in range(2)]
    built = build(task("generate"), {"source": table(made)})
    check_sound(built)
    assert {len(e.references) for e in built.splits["test"] + built.splits["validation"]} == {2}
    assert {len(e.references) for e in built.splits["train"]} == {1}
    assert [len(built.splits[n]) for n in ("train", "validation", "test")] == [96, 6, 6]
    assert all(e.references[0] == e.answer for e in built.splits["test"])
    (reason,) = reasons(built)
    assert reason == "merged as a further reference"


def test_cut_chats_are_noted():
    chat = [{"role": role, "content": f"{role}"} for role in ("user", "assistant", "user")]
    made = [{"m": [{"role": "user", "content": f"q{i}"}, *chat[1:2]]} for i in range(59)]
    other = [chat[0], {"role": "assistant", "content": "another"}, chat[2]]
    built = build(task("generate", inputs=(), output=(), messages="m"), {
        "source": table([*made, {"m": other}]),
    })  # fmt: skip
    check_sound(built)
    assert any("chats: 1: source row 60" in sentence for sentence in built.advice)


def test_a_schema_of_nested_answers():
    values = [
        {"n": i, "kind": "xy"[i % 2], "free": str(i), "list": [{"a": 1.5}], "maybe": None}
        for i in range(60)
    ]
    values[0] |= {"n": 0.5, "extra": True, "maybe": "z"}
    schema = infer_schema(values)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["free", "kind", "list", "maybe", "n"]
    assert schema["properties"] == {
        "n": {"type": "number"},
        "kind": {"type": "string", "enum": ["x", "y"]},
        "free": {"type": "string"},
        "extra": {"type": "boolean"},
        "maybe": {"type": ["null", "string"]},
        "list": {
            "type": "array",
            "items": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
        },
    }
    validator = jsonschema.Draft202012Validator(schema)
    assert all(validator.is_valid(value) for value in values)
    assert not validator.is_valid(values[0] | {"kind": "z"})


@pytest.mark.parametrize(
    "values", [["a", "b"] * 24, [f"{i % 13}" for i in range(130)], [*["a"] * 60, "b"]]
)
def test_strings_become_an_enum_only_where_few_repeat_often(values):
    assert infer_schema(values) == {"type": "string"}


def test_an_enum_may_hold_null():
    schema = infer_schema([*["a", "b"] * 30, None])
    assert schema == {"type": ["null", "string"], "enum": ["a", "b", None]}
    jsonschema.validate(None, schema)


def test_the_schema_of_the_brief_stands():
    own = {"type": "object"}
    made = [{"text": f"t{i}", "label": {"a": i}} for i in range(60)]
    assert build(task("extract", json_schema=own), {"source": table(made)}).json_schema == own
    inferred = build(task("extract"), {"source": table(made)}).json_schema
    assert inferred["properties"] == {"a": {"type": "integer"}}


def test_banking77_twenty_labels_six_hundred_rows(data):
    read = jsonl(data / "classification-banking77/train.jsonl")
    labels = tuple(sorted({row["label"] for row in read})[:20])
    brief = task(labels=labels, max_rows=600)
    built = build(brief, {"source": table(read)})
    check_sound(built)
    assert built.labels == labels
    assert [len(examples) for examples in built.splits.values()] == [480, 60, 60]
    for examples in built.splits.values():
        assert {e.answer for e in examples} == set(labels)
    assert outline(build(brief, {"source": table(shuffled(read))})) == outline(built)


def test_xquad_questions_of_a_paragraph_stay_together(data):
    read = jsonl(data / "qa-xquad-en/test.jsonl")
    brief = task(
        "answer", inputs=("context", "question"), output=("answers",), group="context", id="id"
    )
    built = build(brief, {"source": table(read)})
    check_sound(built)
    contexts = [{e.group for e in examples} for examples in built.splits.values()]
    assert sum(map(len, contexts)) == len(set.union(*contexts))
    n = len(read)
    assert len(built.splits["test"]) == pytest.approx(0.1 * n, abs=6)
    assert len(built.splits["validation"]) == pytest.approx(0.1 * n, abs=6)
    assert outline(build(brief, {"source": table(shuffled(read))})) == outline(built)


def test_e2e_has_several_references_in_test(data):
    read = jsonl(data / "generation-e2e-restaurants/train.jsonl")
    inputs = ("meaning_representation",)
    off = {"near_duplicates": "off"}
    brief = task("generate", inputs=inputs, output=("text",), checks=off)
    built = build(brief, {"source": table(read)})
    check_sound(built)
    assert max(len(e.references) for e in built.splits["test"]) > 3
    merged = built.splits["test"] + built.splits["validation"]
    held = {e.inputs["meaning_representation"] for e in merged}
    rows_held = [row for row in read if row["meaning_representation"] in held]
    texts = {" ".join(row["text"].split()) for row in rows_held}
    assert texts == {" ".join(r.split()) for e in merged for r in e.references}
    assert outline(build(brief, {"source": table(shuffled(read))})) == outline(built)


def test_mts_dialog_with_its_own_files(data):
    folder = data / "summarisation-mts-dialog"
    names = ("train", "validation", "test")
    tables = {name: table(jsonl(folder / f"{name}.jsonl"), name) for name in names}
    settings = {"inputs": ("dialogue",), "output": ("section_text",)}
    built = build(task("summarize", **settings), tables)
    check_sound(built)
    assert len(built.splits["test"]) + reasons(built)["merged as a further reference"] <= 200
    assert not any("\r" in e.inputs["dialogue"] + e.answer for e in built.splits["train"])
    with pytest.raises(DataError, match='id column "ID"'):
        build(task("summarize", id="ID", **settings), tables)


def test_snips_answers_join_intent_and_slots(data):
    read = jsonl(data / "extraction-snips-slots/train.jsonl", most=2100)
    built = build(task("extract", output=("intent", "slots")), {"source": table(read)})
    check_sound(built)
    schema = built.json_schema
    assert schema["required"] == ["intent", "slots"]
    assert len(schema["properties"]["intent"]["enum"]) == 7
    assert schema["properties"]["slots"]["type"] == "object"
    validator = jsonschema.Draft202012Validator(schema)
    assert all(validator.is_valid(json.loads(e.answer)) for e in built.splits["train"])
