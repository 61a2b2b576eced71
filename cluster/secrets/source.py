"""What ``secret:NAME`` stands for."""

from __future__ import annotations

import uuid

from cluster.errors import NotFound
from cluster.home import Home
from cluster.secrets.keyring import KeyRing
from cluster.secrets.repository import Secrets
from cluster.secrets.tables import SecretVersion
from cluster.stores.sql import Database

REFERENCE = "secret:"
# Begins the names of secrets that Hearth keeps for itself: nobody can refer to them.
OWN = ":"


def about(organisation_id: uuid.UUID, name: str, version: int) -> str:
    """What a sealed value is bound to: moved to another place, it does not open."""
    return f"{organisation_id}|{name}|{version}"


class SecretSource:
    """What ``secret:NAME`` in a configuration stands for."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self._database = database
        self._ring = ring

    @classmethod
    def of(cls, database: Database, home: Home) -> SecretSource:
        """With the keys of ``home``."""
        return cls(database, KeyRing(home.keys / "secrets.key"))

    async def resolve(self, organisation_id: uuid.UUID, text: str) -> str:
        """``text`` itself, unless it is a reference: then the secret's current value. Raises NotFound for a secret that does not exist."""
        if not text.startswith(REFERENCE):
            return text
        name = text.removeprefix(REFERENCE)
        async with self._database.session() as session:
            secrets = Secrets(session)
            secret = await secrets.get(organisation_id, name) if not name.startswith(OWN) else None
            row = await secrets.version(secret.id, secret.version) if secret else None
        if secret is None or row is None:
            raise NotFound(f"There is no secret '{name[:100]}' in the organisation; POST /api/v1/secrets makes it.")
        return self._ring.open(row.key_version, row.sealed, about(organisation_id, name, row.version))

    async def keep(self, organisation_id: uuid.UUID, name: str, value: str, description: str) -> None:
        """Makes the secret, or gives it another value. For values that Hearth itself renews: those before are forgotten."""
        async with self._database.session() as session:
            secrets = Secrets(session)
            await secrets.begin_sealing()
            secret = await secrets.made(organisation_id, name, description)
            secret.version += 1
            key_version, sealed = self._ring.seal(value, about(organisation_id, name, secret.version))
            await secrets.save(secret)
            await secrets.add_version(SecretVersion(secret_id=secret.id, version=secret.version, key_version=key_version, sealed=sealed))
            await secrets.remove_before(secret.id, secret.version)

    async def forget(self, organisation_id: uuid.UUID, name: str) -> bool:
        """Whether there was such a secret."""
        async with self._database.session() as session:
            secrets = Secrets(session)
            secret = await secrets.get(organisation_id, name, lock=True)
            if secret is not None:
                await secrets.remove(secret.id)
            return secret is not None
