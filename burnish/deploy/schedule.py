"""When `burnish watch` runs: each task has a time of its own, in the words of cron and systemd."""

import hashlib
from urllib.parse import urlsplit

from burnish.records.deploy_plan import Every

_HOUR = 4
"""Of a daily look: a quiet one, in most places."""


def cron_line(name: str, every: Every) -> str:
    """The five fields of cron, UTC in a cluster and local time elsewhere."""
    hour = "*" if every == "hour" else str(_HOUR)
    return f"{_minute(name)} {hour} * * *"


def calendar(name: str, every: Every) -> str:
    """The same as systemd reads it (systemd.time)."""
    hour = "*" if every == "hour" else f"{_HOUR:02d}"
    return f"*-*-* {hour}:{_minute(name):02d}:00"


def why_so_often(every: Every) -> str:
    """Why a look is taken so often."""
    if every == "day":
        return "as asked; a run on its way to all requests goes on once a day"
    return (
        "each window is judged once, when it ends, so looking often costs little; and a run on its "
        "way to all requests goes on, or is rolled back, within the hour"
    )


def webhook_port(url: str) -> int | None:
    """The port of the address that alarms are posted to; None for none."""
    if not url:
        return None
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _minute(name: str) -> int:
    """By the name, so that several tasks of a machine do not look at the same moment."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 60
