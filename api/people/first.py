"""The first start: ``python -m api.people.first --home DIR [--storage JSON]`` makes an organisation, its admin, and one API key.

The key is printed once, and written to HEARTH_HOME/keys/admin.key (mode 0600). Where an organisation exists it does nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from api.audit.trail import Origin, Trail
from api.keys.repository import ApiKeys
from api.keys.service import new_key
from api.people.repository import People
from api.people.tables import User
from api.web.principal import Role
from cluster.home import Home
from cluster.runtime.state import write_atomically
from cluster.settings import Settings, StorageSettings
from cluster.stores.clients import connect
from cluster.stores.sql import AsyncSession

# Nobody can sign in with it before whoever has the key chooses a password.
ADMIN = "admin@localhost"


async def first(settings: Settings) -> str | None:
    """The key that was made; None where nothing was to be done. Two starts at once make one organisation."""
    stores = connect(settings)
    try:
        async with stores.database.session() as session:
            return await _make(session, Home(settings.home).admin_key)
    finally:
        await stores.close()


async def _make(session: AsyncSession, file: Path) -> str | None:
    people = People(session)
    await people.lock_first_start()
    if await people.first_organisation() is not None:
        return None
    organisation = await people.add_organisation("home")
    admin = await people.add_user(User(email=ADMIN, name="admin"))
    await people.join(organisation.id, admin.id, Role.ADMIN)
    key, row = new_key(organisation.id, admin.id, "first", (), None)
    await ApiKeys(session).add(row)
    trail = Trail(session, Origin(None, None))
    trail.record("organisation.created", f"organisation:{organisation.id}", organisation_id=organisation.id, actor_id=admin.id)
    trail.record("key.created", f"key:{row.id}", organisation_id=organisation.id, actor_id=admin.id, prefix=row.prefix)
    # Before the commit: should this process end in between, the next start makes both anew.
    write_atomically(file, key + "\n")
    return key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--storage", default="{}")
    words = parser.parse_args()
    key = asyncio.run(first(Settings(home=words.home, storage=StorageSettings.model_validate_json(words.storage))))
    if key is not None:
        sys.stdout.write(key + "\n")


if __name__ == "__main__":
    main()
