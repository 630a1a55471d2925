"""What people and a judge said, on the screen. Reads their reports; writes to standard output."""

from rich.text import Text

from burnish.cli.show import clean, new_table, say, screen
from burnish.records import Calibration, Estimate, JudgeReport, PeopleReport


def people(found: PeopleReport) -> None:
    """Print win rates, strengths, grades, and how far the raters agree."""
    console = screen()
    if not found.raters:
        say(console, "Nobody has voted yet: burnish evaluate --human")
        return
    raters = ", ".join(f"{name} {n:,}" for name, n in found.raters.items())
    say(console, f"Votes: {sum(found.raters.values()):,} ({raters})")
    if found.win_rates:
        columns = ("system", "against", "wins", "ties", "losses", "preferred", "examples")
        table = new_table("Choices between two answers, ties counted half", *columns)
        for rate in found.win_rates:
            counts = (f"{rate.wins:,}", f"{rate.ties:,}", f"{rate.losses:,}")
            cells = (rate.system, rate.other, *counts, _told(rate.rate), f"{rate.rate.n:,}")
            table.add_row(*map(_text, cells))
        console.print(table)
    if len(found.strengths) > 2:
        table = new_table("Bradley–Terry log-strength, mean 0", "system", "strength")
        for name, strength in found.strengths.items():
            table.add_row(_text(name), _text(_told(strength)))
        console.print(table)
    if found.grades:
        table = new_table("Grades, 1 to 5", "system", "mean", "examples")
        for name, grade in found.grades.items():
            table.add_row(_text(name), _text(_told(grade)), _text(f"{grade.n:,}"))
        console.print(table)
    alphas = {
        "choices (nominal)": found.choice_alpha,
        "grades (ordinal)": found.grade_alpha,
        "grades (interval)": found.grade_alpha_interval,
    }
    for name, alpha in alphas.items():
        if alpha is not None:
            say(
                console,
                f"Krippendorff's alpha of {name}: {_told(alpha)}, {alpha.n:,} items with "
                "two raters or more",
            )
    if not any(alphas.values()):
        say(console, "No item has two raters yet, so nothing is known of their agreement.")


def judge(found: JudgeReport) -> None:
    """Print what the judge found, how it leans, what it cost, and whether it may decide."""
    console = screen()
    tuned, other = found.systems
    say(console, f"Judge: {found.model}")
    if found.preferred is not None:
        n = found.preferred.n
        say(console, f"Prefers {tuned} to {other}: {_told(found.preferred)} of {n:,} pairs")
    for name, grade in found.grades.items():
        say(console, f"Mean grade of {name}: {_told(grade)}, {grade.n:,} answers")
    _calibration(found.pairs, "choices", "kappa")
    _calibration(found.rubric, "grades", "weighted kappa")
    if found.biases is not None:
        leans = {
            "Decisions for the answer shown first": found.biases.first,
            "Kappa between the two orders": found.biases.order_kappa,
            "Decisions for the longer answer": found.biases.longer,
            "… more often than people": found.biases.longer_than_people,
        }
        for name, lean in leans.items():
            if lean is not None:
                say(console, f"{name}: {_told(lean)}, {lean.n:,} pairs")
    if found.unread:
        say(console, f"Replies that could not be read: {found.unread:,}")
    if found.usage is not None:
        used = found.usage
        cost = "unknown" if used.cost is None else f"{used.cost:.4f}"
        say(console, f"Replies: {used.n:,}, {used.mean_seconds:.2f} s each; cost {cost}")
    if found.withheld:
        say(console, "Verdict of the judge: withheld")
        for reason in found.withheld:
            say(console, f"  - {reason}")
    else:
        say(console, f"Verdict of the judge: {found.decision}")


def _calibration(found: Calibration | None, what: str, kappa: str) -> None:
    if found is None or found.agreement is None or found.kappa is None:
        return
    console = screen()
    among = "" if found.human_alpha is None else f"; alpha among people {_told(found.human_alpha)}"
    say(
        console,
        f"With most people's {what} on {found.kappa.n:,} items: agreement "
        f"{_told(found.agreement)}, {kappa} {_told(found.kappa)}{among}",
    )


def _told(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _text(value: str) -> Text:
    return Text(clean(value))
