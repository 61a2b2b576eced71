"""Sealed secrets in the database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from cluster.secrets.tables import Secret, SecretVersion
from cluster.stores.locks import SEALING
from cluster.stores.sql import AsyncSession


class Secrets:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin_sealing(self) -> None:
        """Until the transaction ends no rotation drops a key; call before the current key is read."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": SEALING})

    async def begin_rotation(self) -> None:
        """Until the transaction ends nobody seals."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SEALING})

    async def of_organisation(self, organisation_id: uuid.UUID) -> Sequence[Secret]:
        return (await self._session.scalars(select(Secret).where(Secret.organisation_id == organisation_id).order_by(Secret.name))).all()

    async def get(self, organisation_id: uuid.UUID, name: str, *, lock: bool = False) -> Secret | None:
        """``lock``: nobody else changes it until the transaction ends."""
        chosen = select(Secret).where(Secret.organisation_id == organisation_id, Secret.name == name)
        return await self._session.scalar(chosen.with_for_update() if lock else chosen)

    async def made(self, organisation_id: uuid.UUID, name: str, description: str) -> Secret:
        """The secret of this name, locked until the transaction ends; where there is none, one in version 0, which has no value yet."""
        values = {"id": uuid.uuid4(), "organisation_id": organisation_id, "name": name, "description": description, "version": 0}
        await self._session.execute(insert(Secret).values(values).on_conflict_do_nothing())
        secret = await self.get(organisation_id, name, lock=True)
        assert secret is not None
        return secret

    async def add(self, secret: Secret) -> None:
        self._session.add(secret)
        await self._session.flush()
        await self._session.refresh(secret)

    async def save(self, secret: Secret) -> None:
        await self._session.flush()
        await self._session.refresh(secret)

    async def add_version(self, version: SecretVersion) -> None:
        self._session.add(version)
        await self._session.flush()

    async def version(self, secret_id: uuid.UUID, version: int) -> SecretVersion | None:
        return await self._session.get(SecretVersion, (secret_id, version))

    async def versions(self, secret_id: uuid.UUID) -> Sequence[SecretVersion]:
        chosen = select(SecretVersion).where(SecretVersion.secret_id == secret_id).order_by(SecretVersion.version.desc())
        return (await self._session.scalars(chosen)).all()

    async def remove_before(self, secret_id: uuid.UUID, version: int) -> None:
        earlier = (SecretVersion.secret_id == secret_id, SecretVersion.version < version)
        await self._session.execute(delete(SecretVersion).where(*earlier))

    async def remove(self, secret_id: uuid.UUID) -> None:
        await self._session.execute(delete(Secret).where(Secret.id == secret_id))

    async def sealed_otherwise(self, key_version: int) -> Sequence[tuple[Secret, SecretVersion]]:
        """Every version of every secret that another key seals."""
        chosen = select(Secret, SecretVersion).join(SecretVersion, SecretVersion.secret_id == Secret.id)
        return [(row[0], row[1]) for row in (await self._session.execute(chosen.where(SecretVersion.key_version != key_version))).all()]

    async def key_versions(self) -> set[int]:
        return set((await self._session.scalars(select(SecretVersion.key_version).distinct())).all())
