"""The queue: of all that is worth a label, what is shown to people, spread over several groups.

Reads ranked items; writes nothing.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")


def balanced(
    ranked: Sequence[Item], most: int, groups_of: Callable[[Item], tuple[str, ...]]
) -> list[Item]:
    """At most `most` items, in their order, of which no group has more than it need have.

    Every group may first have twice its even share; where that leaves room, twice as much, and so
    on. One label, caller or day fills the queue only where there is nothing else.

    Args:
        ranked: best first.
        groups_of: the group an item is in, for each way of grouping: its label, its caller, its
            day.
    """
    grouped = [groups_of(item) for item in ranked]
    ways = range(len(grouped[0])) if grouped else range(0)
    sizes = [len({groups[way] for groups in grouped}) for way in ways]
    room = [math.ceil(2 * most / size) for size in sizes]
    taken: list[int] = []
    counts: Counter[tuple[int, str]] = Counter()
    left = list(range(len(ranked)))
    while left and len(taken) < most:
        passed = []
        for at in left:
            here = list(enumerate(grouped[at]))
            if len(taken) < most and all(counts[group] < room[group[0]] for group in here):
                taken.append(at)
                counts.update(here)
            else:
                passed.append(at)
        left = passed
        room = [2 * each for each in room]
    return [ranked[at] for at in sorted(taken)]


def clusters(vectors: Any, *, seed: int) -> list[str]:
    """A cluster's name for each text: what answers without labels are balanced over.

    Args:
        vectors: of the texts [n, words], sparse, of length 1.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    n = vectors.shape[0]
    several = min(20, n // 10)
    if several < 2:
        return [""] * n
    with threadpool_limits(limits=1):
        means = MiniBatchKMeans(several, random_state=seed, n_init=1, batch_size=1024)
        return [str(name) for name in means.fit_predict(vectors)]
