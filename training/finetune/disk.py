"""What a training writes, where the disk may be full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from cluster.errors import Unavailable


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Around what is written below ``folder``. Raises Unavailable where the disk does not take it; what stood there before stays."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Unavailable(
            f"The training cannot be written to {folder} ({reason}); free some space there, and retry the job: it goes on from its last "
            "checkpoint."
        ) from error
