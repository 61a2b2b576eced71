"""Writing down what goes out: before anything is sent, and again when it is over."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.sql import cast, literal

from cluster.outgoing.tables import OutgoingRequest
from cluster.stores.sql import Database

MESSAGE_CHARS = 500
AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose word something goes out, and for what: ``http``, ``connector:web``."""

    organisation_id: uuid.UUID
    user_id: uuid.UUID | None
    purpose: str
    request_id: str | None = None
    job_id: uuid.UUID | None = None


@dataclass(slots=True)
class Account:
    """What is known of one request so far; ``hops`` has each exchange."""

    url: str
    address: str | None = None
    status: int | None = None
    media_type: str | None = None
    found_type: str | None = None
    bytes: int | None = None
    ms: int = 0
    error: str | None = None
    message: str | None = None
    hops: list[dict[str, Any]] = field(default_factory=list)


class Journal:
    """Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, who: Asker, method: str, url: str, host: str, sent_bytes: int) -> uuid.UUID:
        """The id under which it is written down. Raises what the database raises: what cannot be written down is not sent."""
        request_id = uuid.uuid4()
        values = {
            "id": request_id,
            "organisation_id": who.organisation_id,
            "user_id": who.user_id,
            "request_id": who.request_id,
            "job_id": who.job_id,
            "purpose": who.purpose,
            "method": method,
            "url": url,
            "host": host[:253],
            "sent_bytes": sent_bytes,
        }
        async with self._database.session() as session:
            # A statement, not an object: jobs know no tables of the API, which a flush would look for.
            await session.execute(insert(OutgoingRequest).values(values))
        return request_id

    async def end(self, request_id: uuid.UUID, account: Account) -> None:
        values = {
            "final_url": account.url,
            "address": account.address,
            "status": account.status,
            "media_type": account.media_type,
            "found_type": account.found_type,
            "bytes": account.bytes,
            "ms": account.ms,
            "hops": account.hops,
            "error": account.error,
            "message": account.message[:MESSAGE_CHARS].replace("\x00", "") if account.message else None,
            "finished_at": func.now(),
        }
        async with self._database.session() as session:
            await session.execute(update(OutgoingRequest).where(OutgoingRequest.id == request_id).values(values))

    async def remove_older(self, days: float, organisation_id: uuid.UUID | None = None) -> int:
        """Removes what is older, of one organisation or of all; how many rows there were."""
        before = func.now() - cast(literal(f"{days * 86400} seconds"), INTERVAL)
        chosen = select(OutgoingRequest.id).where(OutgoingRequest.created_at < before).limit(AT_ONCE)
        if organisation_id is not None:
            chosen = chosen.where(OutgoingRequest.organisation_id == organisation_id)
        gone = 0
        while True:
            async with self._database.session() as session:
                removing = delete(OutgoingRequest).where(OutgoingRequest.id.in_(chosen)).returning(OutgoingRequest.id)
                found = len((await session.scalars(removing)).all())
            gone += found
            if found < AT_ONCE:
                return gone
