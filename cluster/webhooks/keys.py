"""What deliveries are signed with, and what calls are checked against: secrets of the organisation, under names that nobody can refer to.

Signing and checking is the library ``standardwebhooks``: the specification's own, small, without dependencies."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import ColumnElement, func, insert, select, update
from standardwebhooks import Webhook as Signer
from standardwebhooks.webhooks import WebhookVerificationError

from cluster.errors import EngineError, Unauthorized
from cluster.secrets.keyring import KeyRing
from cluster.secrets.repository import Secrets
from cluster.secrets.source import OWN, about
from cluster.secrets.tables import Secret, SecretVersion
from cluster.stores.sql import AsyncSession

PREFIX = f"{OWN}webhook:"
SECRET_BYTES = 32
OVERLAP = 2


class SigningKeys:
    """In the transaction of ``session``."""

    def __init__(self, session: AsyncSession, ring: KeyRing) -> None:
        self._session = session
        self._secrets = Secrets(session)
        self._ring = ring

    async def make(self, organisation_id: uuid.UUID, of: uuid.UUID) -> str:
        """A new secret, as it is shown once."""
        secret_id = uuid.uuid4()
        values = {"id": secret_id, "organisation_id": organisation_id, "name": _name(of), "description": "Signs a webhook.", "version": 1}
        await self._session.execute(insert(Secret).values(values))
        return await self._seal(organisation_id, of, secret_id, 1)

    async def rotate(self, organisation_id: uuid.UUID, of: uuid.UUID) -> str:
        """Another one in its place; the one before signs too for ``webhooks.rotation_s`` seconds."""
        changed = update(Secret).where(*_that(organisation_id, of)).values(version=Secret.version + 1, updated_at=func.now())
        row = (await self._session.execute(changed.returning(Secret.id, Secret.version))).one_or_none()
        if row is None:
            raise EngineError("The secret of the webhook is gone; make a new webhook in its place.")
        return await self._seal(organisation_id, of, row[0], row[1])

    async def current(self, organisation_id: uuid.UUID, of: uuid.UUID, overlap_s: float) -> Sequence[str]:
        """Those that count now, the newest first. Raises EngineError where there is none."""
        chosen = select(SecretVersion).join(Secret, Secret.id == SecretVersion.secret_id).where(*_that(organisation_id, of))
        rows = (await self._session.scalars(chosen.order_by(SecretVersion.version.desc()).limit(OVERLAP))).all()
        if not rows:
            raise EngineError("The secret of the webhook is gone; make a new webhook in its place.")
        still = (await self._session.execute(select(func.now()))).scalar_one() - timedelta(seconds=overlap_s)
        # An earlier one counts for a while after the later one was made.
        counting = [rows[0]] + [earlier for later, earlier in pairwise(rows) if later.created_at > still]
        return [self._ring.open(row.key_version, row.sealed, about(organisation_id, _name(of), row.version)) for row in counting]

    async def remove(self, organisation_id: uuid.UUID, of: uuid.UUID) -> None:
        found = await self._secrets.get(organisation_id, _name(of))
        if found is not None:
            await self._secrets.remove(found.id)

    async def _seal(self, organisation_id: uuid.UUID, of: uuid.UUID, secret_id: uuid.UUID, version: int) -> str:
        value = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
        await self._secrets.begin_sealing()
        key_version, sealed = self._ring.seal(value, about(organisation_id, _name(of), version))
        values = {"secret_id": secret_id, "version": version, "key_version": key_version, "sealed": sealed}
        await self._session.execute(insert(SecretVersion).values(values))
        return value


def signed(keys: Sequence[str], message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.astimezone(UTC).timestamp())),
        "webhook-signature": " ".join(Signer(key).sign(message_id, now.astimezone(UTC), body) for key in keys),
    }


def check_signed(keys: Sequence[str], headers: Mapping[str, str], body: bytes) -> str:
    """The id of what was sent. Raises Unauthorized unless one of ``keys`` signed it, within the last five minutes."""
    given = {name: headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    said = "it is not signed"
    for key in keys:
        try:
            Signer(key).verify(body, given, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            said = str(error)
        else:
            return given["webhook-id"]
    raise Unauthorized(f"The signature does not hold: {said[:200]}. Sign as https://www.standardwebhooks.com says, with the hook's secret.")


def _name(of: uuid.UUID) -> str:
    return f"{PREFIX}{of}"


def _that(organisation_id: uuid.UUID, of: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    return Secret.organisation_id == organisation_id, Secret.name == _name(of)
