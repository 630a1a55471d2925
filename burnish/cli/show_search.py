"""A search and a spread over seeds on the screen.

Reads a SearchReport or a SeedReport; writes to standard output.
"""

from burnish.cli.show import new_table, say, screen
from burnish.records import SearchReport, SeedReport, Trial


def show_search(report: SearchReport, *, again: str) -> None:
    """Print every trial, the best one first, and the lines that would take it.

    Args:
        again: the command that goes on with the search.
    """
    console = screen()
    table = new_table(
        f"Search {report.id}", "trial", "learning rate", "rank", "epochs", "validation loss",
        "state", "time",
    )  # fmt: skip
    for trial in sorted(report.trials, key=_order):
        loss = "–" if trial.validation_loss is None else f"{trial.validation_loss:.4f}"
        table.add_row(
            f"{trial.number}{' (the brief)' if trial.number == 1 else ''}",
            f"{trial.learning_rate:g}", f"{trial.r}", f"{trial.epochs}", loss, trial.state,
            f"{trial.seconds:,.0f} s", style="bold" if trial == report.best else None,
        )  # fmt: skip
    console.print(table)
    for trial in report.trials:
        if trial.error:
            say(console, f"Trial {trial.number} failed: {trial.error}")
    if report.out_of_time:
        say(
            console,
            f"The time was up after {len(report.trials)} of {report.asked} trials. "
            f"To go on: {again}",
        )
    if report.best is None:
        say(console, "No trial was completed.")
        return
    say(console, f"Best: trial {report.best.number}. In burnish.yaml, under train:")
    for key, value in report.proposal.items():
        say(console, f"  {key.partition('.')[2]}: {value}")


def show_seeds(report: SeedReport) -> None:
    """Print the loss of every seed, and their spread."""
    console = screen()
    table = new_table("Seeds", "seed", "run", "validation loss")
    for seed, run, loss in zip(report.seeds, report.runs, report.validation_loss, strict=True):
        table.add_row(f"{seed}", run, f"{loss:.4f}")
    console.print(table)
    say(
        console,
        f"Mean {report.mean:.4f}, standard deviation {report.deviation:.4f}, from "
        f"{report.low:.4f} to {report.high:.4f} nats per answer token.",
    )


def _order(trial: Trial) -> tuple[bool, float, int]:
    loss = trial.validation_loss
    return trial.state != "complete", float("inf") if loss is None else loss, trial.number
