"""Making, listing, rotating and revoking API keys."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from api.audit.trail import Trail
from api.auth.tokens import digest
from api.keys.repository import ApiKeys
from api.keys.schemas import KeyBody, KeyEntry, NewKey
from api.keys.tables import ApiKey
from api.web.principal import Principal, Role
from cluster.errors import Conflict, Forbidden, NotFound, Unprocessable
from cluster.stores.sql import AsyncSession

MARK = "hk_"
SHOWN = 10


def new_key(
    organisation_id: uuid.UUID, owner_id: uuid.UUID, name: str, scopes: Iterable[str], expires_at: datetime | None
) -> tuple[str, ApiKey]:
    """A key of 256 random bits, and the row that recognises it."""
    key = MARK + secrets.token_urlsafe(32)
    row = ApiKey(
        organisation_id=organisation_id,
        owner_id=owner_id,
        name=name,
        prefix=key[:SHOWN],
        key_hash=digest(key),
        scopes=sorted({str(scope) for scope in scopes}),
        expires_at=expires_at,
    )
    return key, row


class Keys:
    """The keys that ``principal`` may see: their own, and an admin everybody's in the organisation."""

    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail) -> None:
        self._keys = ApiKeys(session)
        self._principal = principal
        self._trail = trail

    async def create(self, body: KeyBody) -> NewKey:
        """Raises Forbidden for a key that may do more than the one it is made with."""
        self._check_not_wider(body.scopes)
        if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
            raise Unprocessable("'expires_at' has passed; choose a time to come, or null.").about("expires_at")
        me = self._principal
        key, row = new_key(me.organisation_id, me.user_id, body.name, body.scopes, body.expires_at)
        await self._keys.add(row)
        self._trail.record("key.created", f"key:{row.id}", prefix=row.prefix, scopes=row.scopes)
        return NewKey(entry=KeyEntry.of(row), key=key)

    async def all(self) -> list[KeyEntry]:
        return [KeyEntry.of(key) for key in await self._keys.of_organisation(self._principal.organisation_id, self._owner)]

    async def one(self, key_id: uuid.UUID) -> KeyEntry:
        return KeyEntry.of(await self._find(key_id))

    async def rotate(self, key_id: uuid.UUID, overlap_s: int) -> NewKey:
        """A successor with the same name, scopes and end. Raises Conflict when the key is no longer valid or has a successor."""
        old = await self._find(key_id)
        if old.owner_id != self._principal.user_id:
            raise Forbidden("Only its owner may rotate a key, because the new one is shown; revoke it instead.")
        self._check_not_wider(old.scopes)
        key, row = new_key(old.organisation_id, old.owner_id, old.name, old.scopes, old.expires_at)
        await self._keys.add(row)
        if not await self._keys.replace(old.id, row.id, datetime.now(UTC) + timedelta(seconds=overlap_s)):
            raise Conflict("This key has been rotated or revoked already, or has expired; rotate its successor, or make a new one.")
        self._trail.record("key.rotated", f"key:{old.id}", successor=str(row.id), overlap_s=overlap_s)
        return NewKey(entry=KeyEntry.of(row), key=key)

    async def revoke(self, key_id: uuid.UUID) -> None:
        """At once in the database; everywhere within auth.cache_s. Revoking twice is no error."""
        key = await self._find(key_id)
        await self._keys.revoke(key.id)
        self._trail.record("key.revoked", f"key:{key.id}", prefix=key.prefix)

    @property
    def _owner(self) -> uuid.UUID | None:
        return None if self._principal.role.includes(Role.ADMIN) else self._principal.user_id

    async def _find(self, key_id: uuid.UUID) -> ApiKey:
        key = await self._keys.get(self._principal.organisation_id, key_id, self._owner)
        if key is None:
            raise NotFound("There is no such API key; GET /api/v1/keys lists yours.")
        return key

    def _check_not_wider(self, scopes: Iterable[str]) -> None:
        mine = self._principal.scopes
        if mine and (not set(scopes) or not set(scopes) <= mine):
            raise Forbidden(f"The key shown is limited to {', '.join(sorted(mine))}, and can only make keys with some of these scopes.")
