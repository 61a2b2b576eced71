"""The cluster's ledger, called from code that waits."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from cluster import ledger
from cluster.contracts.residency import Lease, ResidencySnapshot
from cluster.errors import HearthError, Unavailable

ANSWER_S = 30.0


class RayLedger:
    """Raises Unavailable while it does not answer, and what it raises itself."""

    def snapshot(self) -> ResidencySnapshot:
        seen: ResidencySnapshot = _call("snapshot")
        return seen

    def request_lease(self, lease_id: str, holder: str, num_gpus: float, budget_bytes: int, ttl_s: float) -> Lease:
        lease: Lease = _call("request_lease", lease_id, holder, num_gpus, budget_bytes, ttl_s)
        return lease

    def renew_lease(self, lease_id: str, ttl_s: float, taken_on: str | None = None) -> Lease:
        lease: Lease = _call("renew_lease", lease_id, ttl_s, taken_on)
        return lease

    def release_lease(self, lease_id: str) -> None:
        _call("release_lease", lease_id)


def _call(method: str, *words: object) -> Any:
    actor = ledger.find()
    try:
        return ray.get(getattr(actor, method).remote(*words), timeout=ANSWER_S)
    except RayTaskError as error:
        cause = error.as_instanceof_cause()  # type: ignore[no-untyped-call]
        if isinstance(cause, HearthError):
            raise type(cause)(cause.message) from None
        raise
    except (RayActorError, TimeoutError):
        raise Unavailable("The ledger did not answer; Ray is starting it again. Please retry in 2 s.") from None
