"""LoRA adapters by name."""

from __future__ import annotations

from collections.abc import Collection

from cluster.errors import NotFound
from cluster.specs.loader import nearest


def require_known(adapter: str | None, model: str, known: Collection[str]) -> None:
    """Returns when the model has this adapter, or none is asked for. Raises NotFound naming the nearest."""
    if adapter is None or adapter in known:
        return
    hint = nearest(adapter, known)
    said = f"did you mean '{hint}'?" if hint else f"it has {', '.join(sorted(known)) or 'none'}."
    raise NotFound(f"Model '{model}' has no adapter '{adapter}'; {said}")
