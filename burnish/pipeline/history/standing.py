"""Who answered from when to when, by the states of the traffic: champions, challengers, roll-backs.

Reads states and what run a deployment serves; writes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from burnish.records import Answering, Period, Traffic

_SAME = 1e-9


def periods_of(states: Sequence[Traffic], run_of: Callable[[str], str]) -> list[Period]:
    """One period for each state, oldest first.

    Args:
        states: oldest first.
        run_of: the run of a deployment's id.
    """
    found: list[Period] = []
    known = {state.number: state for state in states}
    for state, following in zip(states, (*states[1:], None), strict=False):
        answering = tuple(
            Answering(deployment=route.deployment, run=run_of(route.deployment), share=route.share)
            for route in sorted(state.routes, key=lambda route: -route.share)
        )
        found.append(
            Period(
                number=state.number,
                since=state.at,
                until=following.at if following else None,
                champion=_champion(answering, found[-1].champion if found else ""),
                answering=answering,
                shadows=tuple(Answering(deployment=one, run=run_of(one)) for one in state.shadow),
                reason=state.reason,
                back_to=_back_to(state, known),
                applied_at=state.applied_at,
            )
        )
    return found


def challengers_of(period: Period) -> list[str]:
    """The runs beside the champion: by their shares, then those that get copies."""
    others = [one.run for one in (*period.answering, *period.shadows)]
    return [run for run in dict.fromkeys(others) if run != period.champion]


def needed_to_roll_back(
    states: Sequence[Traffic], periods: Sequence[Period], most: int
) -> set[str]:
    """Deployments that answer in the states on the way back to `most` former champions.

    Args:
        states, periods: of the same workspace, in the same order.
        most: champions before the present one.
    """
    known = {state.number: state for state in states}
    champions = {period.number: period.champion for period in periods}
    needed: set[str] = set()
    present, former = periods[-1].champion if periods else "", set[str]()
    after = states[-1].after if states else None
    while (state := known.get(after or 0)) is not None:
        champion = champions[state.number]
        if champion != present and champion not in former and len(former) == most:
            break
        former |= {champion} - {present}
        needed |= {route.deployment for route in state.routes} | set(state.shadow)
        after = state.after
    return needed


def _champion(answering: Sequence[Answering], before: str) -> str:
    """The run with the largest share; of equal ones the one that had it before, else the first."""
    shares: dict[str, float] = defaultdict(float)
    for one in answering:
        shares[one.run] += one.share
    most = max(shares.values(), default=0.0)
    first = [run for run, share in shares.items() if share >= most - _SAME]
    return before if before in first else first[0] if first else ""


def _back_to(state: Traffic, known: dict[int, Traffic]) -> int | None:
    """The number of the state that a roll-back brought back; None where it is none.

    A roll-back is the newest equal state that followed on the same one. A stage of a roll-out, too,
    may follow on a state before the last, but brings none back.
    """
    if state.after == state.number - 1 or state.number == 1:
        return None
    for number in range(state.number - 2, 0, -1):
        one = known.get(number)
        if one and (one.after, one.routes, one.shadow) == (state.after, state.routes, state.shadow):
            return number
    return None
