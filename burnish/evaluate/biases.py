"""How a judge leans: to the answer shown first, to the longer one, or to nothing at all.

Every pair is asked in both orders, so that a lean to a place shows in the share of decisions for
the answer shown first, and verdicts drawn by lot in a kappa near 0 between the two orders. A lean
to length is told against people's choices on the same pairs: the longer answer may well be the
better one. (Kinds of bias: Zheng et al. 2023, "Judging LLM-as-a-Judge", section 3.3.) Reads and
writes nothing.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from burnish.evaluate.agreement import cohen_kappa, estimate, ratio
from burnish.evaluate.measured import Array
from burnish.records import Biases, Estimate, PairVerdict, Side

Lengths = tuple[int, int]
"""Characters of answers a and b."""
_SIDES: tuple[Side, ...] = ("a", "b", "tie")


def find_biases(
    verdicts: Sequence[PairVerdict],
    lengths: Mapping[str, Lengths],
    people: Mapping[str, Side],
    *,
    most_bias: float,
    resamples: int = 2000,
    seed: int = 0,
) -> Biases:
    """Every lean of a judge that its verdicts show.

    A lean counts as found where its interval excludes an even share and it is larger than
    `most_bias`; one to length where the judge leans that way beyond doubt, and further than
    people do.

    Args:
        lengths: of both answers, by the id of the pair.
        people: what most people say, by the id of the pair; some pairs or none.
    """
    both = [one for one in verdicts if one.forward is not None and one.backward is not None]
    firsts = [_firsts(one) for one in both]
    first = estimate(_decided(firsts), ratio, resamples=resamples, seed=seed)
    order = cohen_kappa(
        [one.forward for one in both],
        [one.backward for one in both],
        categories=_SIDES,
        resamples=resamples,
        seed=seed,
    )
    longer = longer_share(
        [lengths[one.id] for one in both],
        [(one.forward, one.backward) for one in both],
        resamples=resamples,
        seed=seed,
    )
    judged = [one for one in both if one.id in people]
    against = _longer_than_people(judged, lengths, people, resamples, seed)
    return Biases(
        first=first,
        order_kappa=order,
        longer=longer,
        longer_than_people=against,
        found=tuple(_found(first, order, longer, against, most_bias)),
    )


def longer_share(
    lengths: Sequence[Lengths],
    verdicts: Sequence[Sequence[Side | None]],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate | None:
    """Share of decisions for the longer answer, among pairs that differ in length.

    Args:
        verdicts: one or more on each pair; ties and None are no decisions.
    """
    rows = [_longer(pair, said) for pair, said in zip(lengths, verdicts, strict=True)]
    return estimate(_decided(rows), ratio, resamples=resamples, seed=seed)


def _firsts(verdict: PairVerdict) -> tuple[int, int]:
    """(decisions for the answer shown first, decisions) of the two orders."""
    decided = (verdict.forward != "tie") + (verdict.backward != "tie")
    return (verdict.forward == "a") + (verdict.backward == "b"), decided


def _longer(lengths: Lengths, said: Sequence[Side | None]) -> tuple[int, int]:
    if lengths[0] == lengths[1]:
        return 0, 0
    longer = "a" if lengths[0] > lengths[1] else "b"
    return sum(one == longer for one in said), sum(one in ("a", "b") for one in said)


def _decided(rows: Sequence[tuple[int, int]]) -> Array:
    return np.array([row for row in rows if row[1]], float).reshape(-1, 2)


def _longer_than_people(
    judged: Sequence[PairVerdict],
    lengths: Mapping[str, Lengths],
    people: Mapping[str, Side],
    resamples: int,
    seed: int,
) -> Estimate | None:
    rows = []
    for one in judged:
        own = _longer(lengths[one.id], (one.forward, one.backward))
        rows.append((*own, *_longer(lengths[one.id], (people[one.id],))))
    table = np.array([row for row in rows if row[1] or row[3]], float).reshape(-1, 4)
    if not len(table) or not table[:, 1].sum() or not table[:, 3].sum():
        return None

    def more(sums: Array) -> Array:
        return np.asarray(ratio(sums[..., :2]) - ratio(sums[..., 2:]))

    return estimate(table, more, bounds=(-1, 1), resamples=resamples, seed=seed)


def _found(
    first: Estimate | None,
    order: Estimate | None,
    longer: Estimate | None,
    against: Estimate | None,
    most: float,
) -> list[str]:
    found = []
    if first is not None and _beyond(first, 0.5, most):
        place = "first" if first.value > 0.5 else "second"
        share = max(first.value, 1 - first.value)
        found.append(
            f"Position: of its decisions {share:.0%} are for the answer shown {place}, where half "
            "would be even."
        )
    elif order is not None and order.low <= 0:
        found.append(
            f"Chance: shown the same answers in the other order it decides as if by lot (kappa "
            f"between the orders {order.value:.2f} [{order.low:.2f}, {order.high:.2f}])."
        )
    # People may have reason to prefer longer answers, so a judge blind to length differs from
    # them: it must lean of itself too.
    if longer is None or against is None or not _beyond(against, 0, most):
        return found
    if (longer.low > 0.5 and against.value > 0) or (longer.high < 0.5 and against.value < 0):
        kind = "longer" if against.value > 0 else "shorter"
        found.append(
            f"Length: it prefers the {kind} answer {abs(against.value):.0%} more often than people "
            f"do [{_percents(against)}]."
        )
    return found


def _beyond(share: Estimate, even: float, most: float) -> bool:
    outside = share.low > even or share.high < even
    return outside and abs(share.value - even) > most


def _percents(share: Estimate) -> str:
    ends = sorted((abs(share.low), abs(share.high)))
    return ", ".join(f"{end:.0%}" for end in ends)
