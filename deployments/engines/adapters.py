"""LoRA adapters by name."""

from __future__ import annotations

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import NotFound
from cluster.specs.loader import nearest


def require_known(adapter: str | None, spec: ReplicaSpec) -> None:
    """Returns when the model has this adapter, or none is asked for. Raises NotFound naming the nearest."""
    if adapter is None or adapter in spec.adapters:
        return
    hint = nearest(adapter, spec.adapters)
    known = f"did you mean '{hint}'?" if hint else f"it has {', '.join(sorted(spec.adapters)) or 'none'}."
    raise NotFound(f"Model '{spec.model}' has no adapter '{adapter}'; {known}")
