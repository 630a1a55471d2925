"""What bases score before tuning, on the screen.

Reads a Probe; writes to standard output.
"""

from rich.console import Console

from burnish.cli.show import new_table, say, screen
from burnish.records import Probe, ProbedPrompt


def show_probe(probe: Probe, *, brief: bool = False) -> None:
    """Print the bases in the order of their scores, and the baselines beside them.

    Args:
        brief: the best base alone.
    """
    console = screen()
    best = probe.bases[0]
    if brief:
        say(console, f"{best.name}: {_score(best.prompts[0])}")
        return
    title = f"{probe.metric} on {probe.n} of {probe.available} validation examples, before tuning"
    table = new_table(title, "", "base", "prompt", "score [95%]", "n", "time")
    for base in probe.bases:
        for place, prompt in enumerate(base.prompts):
            first = place == 0
            table.add_row(
                str(base.rank) if first else "", base.name if first else "", prompt.name,
                _score(prompt), str(prompt.score.n), f"{prompt.seconds or 0:.0f} s",
            )  # fmt: skip
    for baseline in probe.classic:
        table.add_row(
            "", "without a model", baseline.name, _score(baseline), str(baseline.score.n), "–"
        )
    console.print(table)
    _say_what_it_means(console, probe)


def _say_what_it_means(console: Console, probe: Probe) -> None:
    for name, reason in probe.left_out.items():
        say(console, f"Left out: {name}. {reason}")
    if len(probe.bases) > 1:
        leader, second = (base.prompts[0].score for base in probe.bases[:2])
        if second.high >= leader.low:
            say(console, "The intervals of the first two overlap: they may be alike.")
    best = probe.bases[0]
    if any(one.score.value > best.prompts[0].score.value for one in probe.classic):
        say(console, f"{probe.classic[0].name} is ahead of every base before tuning.")
    say(console, "The test split was not opened.")
    say(console, f"Next: write base: {best.name} into burnish.yaml, then burnish run")


def _score(prompt: ProbedPrompt) -> str:
    score = prompt.score
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
