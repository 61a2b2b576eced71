"""Organisations for tests below the API, which has its own way to make one (see tests/api/fixtures/people.py)."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from cluster.stores.sql import Database


async def new_organisation(database: Database) -> tuple[uuid.UUID, uuid.UUID]:
    """The ids of one, and of its one member."""
    organisation, user = uuid.uuid4(), uuid.uuid4()
    async with database.session() as session:
        await session.execute(text("INSERT INTO organisations (id, name) VALUES (:id, 'a place')"), {"id": organisation})
        told = {"id": user, "email": f"{user.hex}@example.org"}
        await session.execute(text("INSERT INTO users (id, email, name) VALUES (:id, :email, 'Somebody')"), told)
    return organisation, user
