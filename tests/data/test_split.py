"""The split: whole units, exact sizes, every label, and the order of rows without a say."""

import random
from collections import Counter

import pytest

from burnish.data import split as splitting
from burnish.data.examples import input_key
from burnish.data.rows import row_of
from burnish.errors import DataError
from burnish.records import DataSettings, Example, Task


def split(task, examples, *, linked=(), **options):
    """The split of examples, which is made of their rows."""
    pool = [*examples, *linked]
    rows = [row_of(task, example, at) for at, example in enumerate(pool)]
    made, _ = splitting.split(task, rows[: len(examples)], linked=rows[len(examples) :], **options)
    return {name: [pool[row.at] for row in members] for name, members in made.items()}


def limit_rows(examples, most):
    rows = [row_of(task(), example, at) for at, example in enumerate(examples)]
    return tuple([examples[row.at] for row in part] for part in splitting.limit_rows(rows, most))


def task(seed=0, **fractions):
    names = ("train_fraction", "validation_fraction", "test_fraction")
    data = DataSettings(
        **dict(zip(names, fractions.get("fractions", (0.8, 0.1, 0.1)), strict=True))
    )
    return Task(name="t", kind="classify", metric="accuracy", seed=seed, data=data)


def example(text, *labels, group=None, row=1, answer=None):
    answer = " ".join(labels) if answer is None else answer
    return Example(
        id=f"{text}-{answer}", source="f", row=row, inputs={"text": text}, answer=answer,
        references=(answer,), labels=labels, group=group,
    )  # fmt: skip


def ids(splits):
    return {name: [e.id for e in examples] for name, examples in splits.items()}


def sizes(splits):
    return tuple(len(splits[name]) for name in ("train", "validation", "test"))


def untorn(splits):
    where = {}
    for name, examples in splits.items():
        for e in examples:
            assert where.setdefault(input_key(e), name) == name
            if e.group is not None:
                assert where.setdefault(("group", e.group), name) == name
    return True


def labelled(rng, n, labels="abcdefg"):
    return [example(f"text {i}", rng.choice(labels)) for i in range(n)]


@pytest.mark.parametrize("n", [6, 10, 55, 600, 999])
@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.1), (0.6, 0.15, 0.25), (0.34, 0.33, 0.33)])
def test_sizes_are_the_rounded_fractions(n, fractions):
    for labels in ("", "abcdefg"):
        pool = [example(f"t{i}", *(labels and labels[i % 2])) for i in range(n)]
        splits = split(task(fractions=fractions), pool)
        expected = [max(1, round(n * share)) for share in fractions[1:]]
        assert sizes(splits) == (n - sum(expected), *expected)


def test_the_order_of_rows_changes_nothing():
    rng = random.Random(1)
    pool = [
        example(f"t{i % 70}", rng.choice("abc"), group=rng.choice([None, str(i % 40)]), row=i)
        for i in range(200)
    ]
    pool = list({e.id: e for e in pool}.values())
    expected = ids(split(task(), pool))
    for _ in range(5):
        rng.shuffle(pool)
        assert ids(split(task(), pool)) == expected


def test_neither_input_nor_group_nor_their_chains_are_torn():
    rng = random.Random(2)
    for seed in range(10):
        pool = [
            example(
                f"t{rng.randrange(80)}",
                rng.choice("abc"),
                group=rng.choice([None, None, f"g{rng.randrange(60)}"]),
                answer=str(i),
            )
            for i in range(150)
        ]
        splits = split(task(seed), pool)
        assert untorn(splits)
        assert min(sizes(splits)) > 0
        assert sorted(e.id for es in splits.values() for e in es) == sorted(e.id for e in pool)


def test_folded_inputs_are_one_input():
    pool = [example(f"t{i}", "a") for i in range(30)]
    pool += [example(f" T{i}\n", "b") for i in range(30)]
    assert untorn(split(task(), pool))


def test_linked_examples_tie_groups_together():
    pool = [example(f"t{i}", group=f"g{i}", answer="x") for i in range(40)]
    link = [example("t0", group=f"g{i}", answer="x") for i in range(20)]
    splits = split(task(), pool, linked=link)
    tied = {e.id for e in pool[:20]}
    assert sum(bool(tied & set(names)) for names in ids(splits).values()) == 1


def test_every_label_with_three_examples_is_in_every_split():
    pool = [example(f"{label}{i}", label) for label in "abcdefgh" for i in range(3)]
    pool += [example(f"z{i}", "z") for i in range(76)]
    for seed in range(5):
        for examples in split(task(seed), pool).values():
            assert {e.answer for e in examples} == set("abcdefghz")


def test_labels_keep_their_shares():
    pool = [
        example(f"{label}{i}", label) for label, n in (("a", 300), ("b", 100)) for i in range(n)
    ]
    splits = split(task(), pool)
    assert Counter(e.answer for e in splits["test"]) == {"a": 30, "b": 10}
    assert Counter(e.answer for e in splits["validation"]) == {"a": 30, "b": 10}


def test_sizes_come_before_labels_where_both_cannot_be_had():
    pool = [example(f"{label}{i}", str(label)) for label in range(30) for i in range(3)]
    assert sizes(split(task(), pool)) == (72, 9, 9)


def test_a_label_too_rare_for_all_splits_stays_in_train():
    pool = [example(f"t{i}", "ab"[i % 2]) for i in range(50)]
    pool += [example("r0", "rare"), example("r1", "rare"), example("s0", "single")]
    for seed in range(10):
        splits = split(task(seed), pool)
        assert {"rare", "single"}.isdisjoint(e.answer for e in splits["test"])
        assert {"rare", "single"}.isdisjoint(e.answer for e in splits["validation"])
        assert sizes(splits) == (43, 5, 5)


def test_labels_in_mixed_units_reach_every_split():
    rng = random.Random(5)
    labels = [f"l{i}" for i in range(12)]
    for seed in range(10):
        pool = [
            example(f"t{i}", *sorted(rng.sample(labels, rng.choice([1, 2, 3])))) for i in range(300)
        ]
        pool += [example(f"u{i}", "l0", "last") for i in range(3)]
        for examples in split(task(seed), pool).values():
            assert {label for e in examples for label in e.labels} == {*labels, "last"}


def test_a_label_that_only_comes_with_rarer_ones_reaches_every_split():
    pool = [example(f"b{i}", "bulk") for i in range(75)]
    pool += [example(f"z{k}", f"p{k}", "z") for k in range(5)]
    pool += [example(f"p{k} {i}", f"p{k}") for k in range(5) for i in range(4)]
    for seed in range(20):
        splits = split(task(seed), pool)
        assert sizes(splits) == (80, 10, 10)
        for examples in splits.values():
            assert {label for e in examples for label in e.labels} == {
                "bulk", "z", "p0", "p1", "p2", "p3", "p4",
            }  # fmt: skip


def test_groups_with_several_labels_reach_sizes_near_the_fractions():
    rng = random.Random(6)
    pool = [example(f"t{i}", rng.choice("abcd"), group=str(i // 4)) for i in range(400)]
    splits = split(task(), pool)
    assert untorn(splits)
    assert abs(len(splits["test"]) - 40) <= 4
    assert abs(len(splits["validation"]) - 40) <= 4


def test_even_a_dominant_group_leaves_something_for_each_split():
    pool = [example(f"t{i}", "a", group="big") for i in range(50)]
    pool += [example("x", "a"), example("y", "a")]
    assert sizes(split(task(), pool)) == (50, 1, 1)


def test_too_few_units_are_refused():
    pool = [example(f"t{i}", "a", group=str(i % 2)) for i in range(50)]
    with pytest.raises(DataError, match="only 2 sets"):
        split(task(), pool)
    assert sizes(split(task(), pool, cut=("test",)) | {"validation": []})[2] == 25


@pytest.mark.parametrize(("cut", "expected"), [("validation", 10), ("test", 20)])
def test_one_split_alone_takes_its_share_of_itself_and_train(cut, expected):
    pool = labelled(random.Random(7), 90 if cut == "validation" else 100)
    splits = split(
        task(fractions=(0.8 if cut == "validation" else 0.4, 0.1, 0.1)), pool, cut=(cut,)
    )
    assert set(splits) == {"train", cut}
    assert len(splits[cut]) == expected


def test_the_seed_decides():
    pool = labelled(random.Random(8), 100)
    assert ids(split(task(0), pool)) == ids(split(task(0), pool))
    assert ids(split(task(0), pool))["test"] != ids(split(task(1), pool))["test"]


def test_rows_added_later_move_few_examples():
    pool = labelled(random.Random(9), 1000)
    before = ids(split(task(), pool[:950]))
    after = ids(split(task(), pool))
    home = {name: split_name for split_name, names in after.items() for name in names}
    moved = [
        name for split_name, names in before.items() for name in names if home[name] != split_name
    ]
    assert len(moved) < 30


def test_max_rows_keeps_shares_and_rare_labels_whatever_the_order():
    rng = random.Random(10)
    pool = [
        example(f"{label}{i}", label)
        for label, n in (("a", 900), ("b", 96), ("c", 4))
        for i in range(n)
    ]
    kept, over = limit_rows(pool, 100)
    counts = Counter(e.answer for e in kept)
    assert counts.total() == 100
    assert counts["c"] == 3
    assert 85 <= counts["a"] <= 90
    assert sorted(e.id for e in kept + over) == sorted(e.id for e in pool)
    rng.shuffle(pool)
    assert {e.id for e in limit_rows(pool, 100)[0]} == {e.id for e in kept}


def test_max_rows_keeps_all_where_there_are_no_more():
    pool = labelled(random.Random(11), 20)
    assert limit_rows(pool, 20) == (pool, [])


def test_a_smaller_max_rows_keeps_a_part_of_what_a_larger_one_keeps():
    pool = [example(f"t{i}") for i in range(200)]
    small, large = limit_rows(pool, 50)[0], limit_rows(pool, 120)[0]
    assert {e.id for e in small} < {e.id for e in large}
