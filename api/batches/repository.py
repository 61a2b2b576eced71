"""In whose name the requests of a batch are sent."""

from __future__ import annotations

import uuid

from sqlalchemy import func, or_, select

from api.keys.tables import ApiKey
from api.people.tables import Membership, User
from api.web.authenticate import KeyScope
from api.web.principal import Principal, Role
from cluster.batches.tables import Batch
from cluster.stores.sql import AsyncSession


async def principal_of_batch(session: AsyncSession, batch_id: uuid.UUID) -> Principal | None:
    """Its owner, with their present role, the key that the batch was made with, and the scope `models`. None when the batch has ended, they
    are inactive or no longer in the organisation, or the key is no longer valid."""
    lives = ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    keyed = select(ApiKey.id).where(ApiKey.id == Batch.key_id, ApiKey.organisation_id == Batch.organisation_id, lives).exists()
    chosen = (
        select(Batch.owner_id, Batch.organisation_id, Membership.role, Batch.key_id)
        .join(User, User.id == Batch.owner_id)
        .join(Membership, (Membership.user_id == Batch.owner_id) & (Membership.organisation_id == Batch.organisation_id))
        .where(Batch.id == batch_id, Batch.ended_at.is_(None), User.is_active, or_(Batch.key_id.is_(None), keyed))
    )
    row = (await session.execute(chosen)).one_or_none()
    return None if row is None else Principal(row[0], row[1], Role(row[2]), row[3], frozenset({KeyScope.MODELS.value}))
