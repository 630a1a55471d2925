"""The queue is spread over labels, callers and days, and only then follows the ranking."""

import numpy as np

from burnish.gather.queue import balanced, clusters

Item = tuple[int, str, str]


def groups(item: Item) -> tuple[str, ...]:
    return item[1:]


def test_one_caller_and_one_label_do_not_fill_it() -> None:
    loud = [(at, "refund", "loud") for at in range(500)]
    others = [(at, f"label {at % 10}", f"caller {at % 20}") for at in range(500, 600)]
    chosen = balanced([*loud, *others], 100, groups)
    assert len(chosen) == 100
    assert sum(item[2] == "loud" for item in chosen) <= 20
    assert chosen == sorted(chosen), "the order of the ranking stays"


def test_where_there_is_nothing_else_it_fills_the_queue() -> None:
    loud = [(at, "refund", "loud") for at in range(500)]
    assert balanced(loud, 100, groups) == loud[:100]
    assert balanced(loud[:3], 100, groups) == loud[:3]
    assert balanced([], 100, groups) == []


def test_even_groups_follow_the_ranking_alone() -> None:
    items = [(at, f"label {at % 5}", f"caller {at % 3}") for at in range(300)]
    assert balanced(items, 60, groups) == items[:60]


def test_texts_about_the_same_are_in_one_cluster() -> None:
    from scipy.sparse import csr_matrix

    about = np.repeat(np.eye(4), 15, axis=0) + 0.01
    found = clusters(csr_matrix(about), seed=0)
    assert all(len(set(found[start : start + 15])) <= 2 for start in range(0, 60, 15))
    assert found == clusters(csr_matrix(about), seed=0)
    assert clusters(csr_matrix(np.eye(3)), seed=0) == ["", "", ""]
