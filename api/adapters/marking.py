"""What the audit log says of adapters whose data somebody took back."""

from __future__ import annotations

from collections.abc import Iterable

from api.audit.trail import Trail
from cluster.learning.taking_back import MARKED, Marked


def record_marked(trail: Trail, marked: Iterable[Marked]) -> None:
    for one in marked:
        row = one.adapter
        trail.record(
            MARKED,
            f"adapter:{row.id}",
            organisation_id=row.organisation_id,
            base=row.base,
            name=row.name,
            version=row.version,
            in_use=one.in_use,
            retired=one.retired,
        )
