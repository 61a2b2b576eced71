"""Keeping the secrets of an organisation."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from api.audit.trail import Trail
from api.secrets.schemas import SecretBody, SecretEntry, SecretValue, SecretValueBody, SecretVersionEntry
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound
from cluster.secrets.keyring import KeyRing
from cluster.secrets.repository import Secrets
from cluster.secrets.source import OWN, about
from cluster.secrets.tables import Secret, SecretVersion
from cluster.stores.sql import AsyncSession, Database


class Vault:
    """The secrets of ``principal``'s organisation, and no others. Each value that is read is written to the audit log, by name."""

    def __init__(self, session: AsyncSession, principal: Principal, ring: KeyRing, trail: Trail) -> None:
        self._session = session
        self._secrets = Secrets(session)
        self._principal = principal
        self._here = principal.organisation_id
        self._ring = ring
        self._trail = trail

    async def all(self) -> list[SecretEntry]:
        found = await self._secrets.of_organisation(self._here)
        return [SecretEntry.of(secret) for secret in found if not secret.name.startswith(OWN)]

    async def one(self, name: str) -> SecretEntry:
        return SecretEntry.of(await self._find(name))

    async def versions(self, name: str) -> list[SecretVersionEntry]:
        return [SecretVersionEntry.of(version) for version in await self._secrets.versions((await self._find(name)).id)]

    async def create(self, body: SecretBody) -> SecretEntry:
        """Raises Conflict for a name that is taken."""
        secret = Secret(
            organisation_id=self._here, owner_id=self._principal.user_id, name=body.name, description=body.description, version=1
        )
        try:
            async with self._session.begin_nested():
                await self._secrets.add(secret)
        except IntegrityError:
            raise Conflict(f"There is a secret '{body.name}' already; PUT a new value to it.").about("name") from None
        await self._store(secret, body.value)
        self._trail.record("secret.created", f"secret:{secret.name}", version=1)
        return SecretEntry.of(secret)

    async def replace(self, name: str, body: SecretValueBody) -> SecretEntry:
        """A new version with a new value; the ones before stay readable by number."""
        secret = await self._find(name, lock=True)
        secret.version += 1
        if body.description is not None:
            secret.description = body.description
        await self._store(secret, body.value)
        await self._secrets.save(secret)
        self._trail.record("secret.replaced", f"secret:{name}", version=secret.version)
        return SecretEntry.of(secret)

    async def value(self, name: str, version: int | None) -> SecretValue:
        """``version`` None: the current one."""
        secret = await self._find(name)
        number = secret.version if version is None else version
        row = await self._secrets.version(secret.id, number)
        if row is None:
            raise NotFound(f"The secret '{name}' has no version {number}; GET /api/v1/secrets/{name}/versions lists them.")
        self._trail.record("secret.read", f"secret:{name}", version=number)
        return SecretValue(name=name, version=number, value=self._ring.open(row.key_version, row.sealed, about(self._here, name, number)))

    async def remove(self, name: str) -> None:
        """With all versions."""
        secret = await self._find(name, lock=True)
        await self._secrets.remove(secret.id)
        self._trail.record("secret.removed", f"secret:{name}")

    async def _store(self, secret: Secret, value: str) -> None:
        await self._secrets.begin_sealing()
        key_version, sealed = self._ring.seal(value, about(self._here, secret.name, secret.version))
        await self._secrets.add_version(SecretVersion(secret_id=secret.id, version=secret.version, key_version=key_version, sealed=sealed))

    async def _find(self, name: str, *, lock: bool = False) -> Secret:
        secret = await self._secrets.get(self._here, name, lock=lock)
        if secret is None:
            raise NotFound("There is no such secret in your organisation; GET /api/v1/secrets lists them.")
        return secret


async def rotate(database: Database, ring: KeyRing) -> int:
    """Seals every secret with a new key and forgets the old ones; how many values that were. May be called again after a crash: both keys
    stay until nothing needs the old one."""
    async with database.session() as session:
        secrets = Secrets(session)
        await secrets.begin_rotation()
        ring.current()
        ring.add()
        rows = await secrets.sealed_otherwise(ring.current())
        for secret, row in rows:
            bound = about(secret.organisation_id, secret.name, row.version)
            row.key_version, row.sealed = ring.seal(ring.open(row.key_version, row.sealed, bound), bound)
    async with database.session() as session:
        secrets = Secrets(session)
        await secrets.begin_rotation()
        ring.keep(await secrets.key_versions())
    return len(rows)
