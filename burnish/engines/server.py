"""A server that speaks the OpenAI API: how a brief names it, and the consent to send it examples.

    openai-compatible:URL:MODEL

URL is the API's root as its clients spell it (https://api.openai.com/v1; /v1 is added where there
is no path); MODEL is all that follows, colons too. A key stands in an environment variable alone:
it is read when a request is made, and shown and kept nowhere.
"""

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from burnish.errors import BriefError

PREFIX = "openai-compatible:"
_FORM = re.compile(
    r"(?P<root>https?://(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d+(?=[:/]|$))?+)"
    r"(?P<path>/[^\s:?#@]*)?:(?P<model>[^\s]+)"
)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


PROVIDER_SENDS = (
    "The base is a model at {host}. Tuning it uploads the training and validation examples; "
    "evaluating it sends the inputs of the test examples, never their answers."
)


class ServerSettings(Protocol):
    """What a section of the brief says about a server."""

    @property
    def consent(self) -> str:
        """The user's words."""

    @property
    def key_variable(self) -> str | None:
        """Environment variable that holds the key."""

    @property
    def requests(self) -> int:
        """Most requests under way at once."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for one answer."""


@dataclass(frozen=True)
class Server:
    """One model behind a URL.

    Attributes:
        url: root of the API, without a slash at its end.
        host: its name, as the consent spells it.
        key_variable: environment variable that holds the key; None sends no key.
        requests: most requests under way at once.
        timeout: seconds to wait for one answer.
    """

    url: str
    host: str
    model: str
    key_variable: str | None = None
    requests: int = 4
    timeout: float = 120.0

    def key(self) -> str | None:
        """The key, or None where no variable is named.

        Raises:
            BriefError: the variable is not set, or holds what cannot be a key.
        """
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise BriefError(
                f"{self.key_variable} is not set; it should hold the key for {self.host}.",
                hint=f"export {self.key_variable}=…, in the shell that runs burnish",
            )
        if not (key.isascii() and key.isprintable()):
            raise BriefError(
                f"{self.key_variable} holds characters that no key has.",
                hint=f"copy the key for {self.host} again",
            )
        return key


def at_server(name: str) -> bool:
    """Whether a model's name stands for one behind a URL."""
    return name.startswith(PREFIX)


def read_server(name: str, settings: ServerSettings) -> Server:
    """The server that a model's name and the brief's settings describe.

    Raises:
        BriefError: the name is not of the form, or the variable's name is none.
    """
    found = _FORM.fullmatch(name.removeprefix(PREFIX))
    unclear = found is not None and not found["path"] and "@" in found["model"][1:]
    if not at_server(name) or found is None or unclear:
        # What was found is not repeated here: a key may stand in it.
        raise BriefError(
            f"The model's name is not of the form {PREFIX}URL:MODEL.",
            hint=f"write for example {PREFIX}https://api.openai.com/v1:gpt-4.1-mini, with no user, "
            "key or question mark in the URL",
        )
    variable = settings.key_variable
    if variable is not None and not _VARIABLE.fullmatch(variable):
        raise BriefError(
            "`key_variable` is not the name of an environment variable, such as OPENAI_API_KEY.",
            hint="put the key into a variable, and the variable's name into burnish.yaml",
        )
    return Server(
        url=found["root"] + ((found["path"] or "").rstrip("/") or "/v1"),
        host=found["host"],
        model=found["model"],
        key_variable=variable,
        requests=settings.requests,
        timeout=settings.timeout,
    )


def consent_to(host: str) -> str:
    """The words by which a user lets examples be sent to a host."""
    return f"examples may leave this machine for {host}"


def on_this_machine(server: Server) -> bool:
    """Whether a server's host is a loopback address, so that what it is sent stays here."""
    if server.host.lower() == "localhost":
        return True
    try:
        return ip_address(server.host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_consent(
    server: Server,
    settings: ServerSettings,
    *,
    sends: str = PROVIDER_SENDS,
    section: str = "provider",
) -> None:
    """Refuse to go on unless the brief holds the user's consent for this very host.

    Args:
        sends: what would be sent, in sentences; {host} stands for the host.
        section: of the brief, in which the consent stands.

    Raises:
        BriefError: it does not.
    """
    wanted = consent_to(server.host)
    given = " ".join(settings.consent.split())
    if given.casefold() == wanted.casefold():
        return
    key = f"`{section}.consent`"
    found = f"{key} is {given!r}" if given else f"{key} is missing"
    raise BriefError(
        f"{sends.format(host=server.host)} {found}, so nothing was sent.",
        hint=f'if this may be, write into burnish.yaml: {section}: {{consent: "{wanted}"}}',
    )
