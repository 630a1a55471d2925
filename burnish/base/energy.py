"""How much power this machine's processors may draw, where the system tells it.

Reads Linux' powercap files (RAPL); writes nothing. A processor's rating is not taken from its name:
what a training draws may lie far below it, and boards are set otherwise.
"""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


def power_limit(root: Path = POWERCAP) -> float | None:
    """The long-term limit of all processor packages together, watts; None where it is not told.

    Source: the kernel's Documentation/power/powercap/powercap.rst.
    """
    packages = []
    for zone in sorted(root.glob("intel-rapl:*")):
        if zone.name.count(":") != 1:  # a part of a package, such as its cores
            continue
        try:
            if not (zone / "name").read_text(encoding="ascii").startswith("package"):
                continue
            limit = (zone / "constraint_0_power_limit_uw").read_text(encoding="ascii")
            packages.append(int(limit) / 1e6)
        except (OSError, ValueError):
            return None
    return sum(packages) or None
