"""Questions at a terminal: settles what a proposal leaves in doubt.

Reads standard input; writes the questions to standard output.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from burnish.cli.show import clean

if TYPE_CHECKING:
    from burnish.brief.propose import Proposal, Question


def at_terminal() -> bool:
    """Whether there is someone to ask: standard input and output are both terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def settle(proposal: "Proposal", propose: "Callable[[dict[str, str]], Proposal]") -> "Proposal":
    """Ask every question of a proposal, and those that its answers raise.

    Args:
        propose: answers (key → value) → the proposal that obeys them.

    Returns:
        The proposal that obeys all answers; its questions have all been answered.

    Raises:
        typer.Exit: with 130, when the user stops with Ctrl-C or Ctrl-D.
    """
    answers: dict[str, str] = {}
    while question := next((q for q in proposal.questions if q.key not in answers), None):
        try:
            answers[question.key] = _answer(question)
        except typer.Abort as stop:
            raise typer.Exit(130) from stop
        if answers[question.key] != question.default:
            proposal = propose(answers)
    return proposal


def _answer(question: "Question") -> str:
    """One of the choices, by its number or its text; an empty line takes the default."""
    typer.echo(clean(question.prompt))
    for number, choice in enumerate(question.choices, start=1):
        typer.echo(f"  {number}  {clean(choice)}")
    while True:
        typed = typer.prompt("Number or name", default=clean(question.default)).strip()
        if typed == clean(question.default):
            return question.default
        for number, choice in enumerate(question.choices, start=1):
            if typed in (choice, str(number)):
                return choice
        typer.echo(f"Type a number from 1 to {len(question.choices)}, or nothing for the default.")
