"""Which deployment answers a request: by shares, the same one for the same user."""

import hashlib
import random

from burnish.records import Traffic


def choose(traffic: Traffic, user: str | None) -> str:
    """The id of the deployment that answers.

    A user keeps the deployment while the shares stay; where the share of a route grows, no user
    leaves it, since the routes take their shares of one line from its beginning.

    Args:
        user: who asks, where the request says so; else the choice is by chance.
    """
    place = random.random() if user is None else _place(user)
    for route in traffic.routes:
        place -= route.share
        if place < 0:
            return route.deployment
    return traffic.routes[-1].deployment


def _place(user: str) -> float:
    """A number from 0 to below 1 that only depends on the user."""
    digest = hashlib.blake2b(user.encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56
