"""A database with a past: conversations and messages, written by COPY, as many as somebody has after years."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import psycopg
from psycopg.sql import SQL, Identifier

from cluster.settings import Settings
from cluster.stores.urls import database_url

# Words come as often as in a language: the second half as often as the first, the third a third (Zipf).
VOCABULARY = 20_000
LEAST_WORDS, MOST_WORDS = 8, 60
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_CONVERSATION = "id, type, status, title, owner_id, organisation_id, active_leaf_id, created_at, updated_at, expires_at"
_MESSAGE = "id, conversation_id, parent_id, role, parts, text, created_at"


@dataclass(frozen=True, slots=True)
class Seeded:
    """``conversations``: those with messages; ``blank``: those without. ``words``: from the most frequent to the rarest."""

    conversations: tuple[uuid.UUID, ...]
    blank: tuple[uuid.UUID, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose rows they are."""

    user_id: uuid.UUID
    organisation_id: uuid.UUID


def admin(settings: Settings) -> Owner:
    """The one that the first start of a cluster makes."""
    with psycopg.connect(_address(settings)) as database:
        found = database.execute("SELECT user_id, organisation_id FROM memberships WHERE role = 'admin' LIMIT 1").fetchone()
    assert found is not None, "a cluster that is up has an admin"
    return Owner(*found)


def seed(settings: Settings, owner: Owner, conversations: int, messages: int, blank: int) -> Seeded:
    """Gives ``owner`` so many conversations with ``messages`` each, and ``blank`` empty ones. The same texts each time."""
    rng = random.Random(1)  # noqa: S311 - repeatable words, no secret
    words = vocabulary(rng)
    texts = _texts(rng, words)
    filled = [_Past(uuid.uuid4(), [uuid.uuid4() for _ in range(messages)]) for _ in range(conversations)]
    empty = [_Past(uuid.uuid4(), []) for _ in range(blank)]
    with psycopg.connect(_address(settings)) as database:
        _write(database, [*filled, *empty], owner, texts)
    with psycopg.connect(_address(settings), autocommit=True) as database:
        # What autovacuum does within minutes of such a load: statistics, and the pending list of the search index.
        for table in ("conversations", "messages", "participants"):
            database.execute(SQL("VACUUM (ANALYZE) {}").format(Identifier(table)))
    return Seeded(tuple(past.id for past in filled), tuple(past.id for past in empty), tuple(words))


def vocabulary(rng: random.Random) -> Sequence[str]:
    """Different words of two to four syllables."""
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))] = None
    return list(words)


@dataclass(frozen=True, slots=True)
class _Past:
    id: uuid.UUID
    messages: list[uuid.UUID]


def _texts(rng: random.Random, words: Sequence[str]) -> Iterator[str]:
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    while True:
        yield " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(LEAST_WORDS, MOST_WORDS)))


def _write(database: psycopg.Connection, rows: Sequence[_Past], owner: Owner, texts: Iterator[str]) -> None:
    """The latest conversation first, ten minutes between two of them."""
    now = datetime.now(UTC)
    began = {past.id: now - timedelta(minutes=10 * (number + 1)) for number, past in enumerate(rows)}
    with database.cursor() as cursor:
        with cursor.copy(f"COPY conversations ({_CONVERSATION}) FROM STDIN") as copy:
            for past in rows:
                title, leaf = " ".join(next(texts).split()[:6]), past.messages[-1] if past.messages else None
                times = (began[past.id], began[past.id], now + timedelta(days=365))
                copy.write_row((past.id, "general", "active", title, owner.user_id, owner.organisation_id, leaf, *times))
        with cursor.copy("COPY participants (conversation_id, user_id, role) FROM STDIN") as copy:
            for past in rows:
                copy.write_row((past.id, owner.user_id, "owner"))
        with cursor.copy(f"COPY messages ({_MESSAGE}) FROM STDIN") as copy:
            for past in rows:
                for row in _messages(past, began[past.id], texts):
                    copy.write_row(row)


def _messages(past: _Past, began: datetime, texts: Iterator[str]) -> Iterator[tuple[object, ...]]:
    """A question and an answer in turn, each following the last."""
    for number, message in enumerate(past.messages):
        text, role = next(texts), "assistant" if number % 2 else "user"
        parent = past.messages[number - 1] if number else None
        parts = json.dumps([{"type": "text", "text": text}])
        yield (message, past.id, parent, role, parts, text, began + timedelta(seconds=20 * number))


def _address(settings: Settings) -> str:
    """For psycopg itself: SQLAlchemy has no COPY."""
    return database_url(settings).replace("+psycopg", "", 1)
