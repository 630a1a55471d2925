"""API keys in the database: made, listed and revoked; of a secret only its hash is kept.

A key reads bk-ID-SECRET. The id finds the row; the secret, 256 random bits, is compared by its
SHA-256 in constant time.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from burnish.errors import WorkspaceError
from burnish.records import Key, Scope
from burnish.store.database import KeyRow, SaltRow
from burnish.store.workspace import now

_PREFIX = "bk"


def make_key(engine: Engine, name: str, scopes: Sequence[Scope]) -> tuple[Key, str]:
    """A new key and its text, which is shown once and kept nowhere.

    Raises:
        WorkspaceError: a key of that name counts already.
    """
    if any(key.name == name and key.revoked_at is None for key in read_keys(engine)):
        raise WorkspaceError(
            f"There is a key named {name} already.", hint="revoke it first, or choose another name"
        )
    number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = Key(id=number, name=name, scopes=tuple(scopes), made_at=now())
    row = KeyRow(
        id=key.id, name=name, scopes=json.dumps(key.scopes), digest=_digest(secret),
        made_at=key.made_at, revoked_at=None,
    )  # fmt: skip
    with Session(engine) as session, session.begin():
        session.add(row)
    return key, f"{_PREFIX}-{number}-{secret}"


def read_keys(engine: Engine) -> list[Key]:
    """All keys, oldest first."""
    with Session(engine) as session:
        rows = session.scalars(select(KeyRow).order_by(KeyRow.made_at, KeyRow.id)).all()
        return [_key(row) for row in rows]


def count_keys(engine: Engine) -> tuple[int, int]:
    """How many keys were made and how many revoked, so that a change is seen at little cost."""
    with engine.connect() as connection:
        made, revoked = connection.execute(
            select(func.count(KeyRow.id), func.count(KeyRow.revoked_at))
        ).one()
    return int(made), int(revoked)


def revoke_key(engine: Engine, name: str) -> Key:
    """Make the key of that name count no more.

    Raises:
        WorkspaceError: no key of that name counts.
    """
    with Session(engine) as session, session.begin():
        query = select(KeyRow).where(KeyRow.name == name, KeyRow.revoked_at.is_(None))
        row = session.scalars(query).first()
        if row is None:
            raise WorkspaceError(
                f"No key named {name} counts.", hint="burnish keys list shows those that do"
            )
        row.revoked_at = now()
        return _key(row)


class Keyring:
    """The keys that count, held in memory, and whether one is asked for at all.

    A workspace that ever had a key asks for one, also when all were revoked.
    """

    def __init__(self, engine: Engine) -> None:
        with Session(engine) as session:
            rows = session.scalars(select(KeyRow)).all()
            self.required = bool(rows)
            self._keys = {row.id: (_key(row), row.digest) for row in rows if row.revoked_at is None}
        self._nobody = _digest(secrets.token_urlsafe(32))

    def find(self, text: str) -> Key | None:
        """The key that a text is, or None; equally slow for every text of a length."""
        prefix, _, rest = text.partition("-")
        number, _, secret = rest.partition("-")
        key, digest = self._keys.get(number, (None, self._nobody))
        right = hmac.compare_digest(_digest(secret), digest)
        return key if right and prefix == _PREFIX else None


def caller_salt(engine: Engine) -> bytes:
    """The random value with which callers are hashed, made on first use."""
    with Session(engine) as session:
        if (row := session.get(SaltRow, 1)) is not None:
            return bytes.fromhex(row.value)
    try:
        with Session(engine) as session, session.begin():
            session.add(SaltRow(id=1, value=secrets.token_hex(32)))
    except IntegrityError:
        pass  # another gateway was faster
    return caller_salt(engine)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: KeyRow) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=tuple(json.loads(row.scopes)),
        made_at=row.made_at,
        revoked_at=row.revoked_at,
    )
