"""Where a trained adapter goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.jobs.work import Work
from cluster.learning.tuning.spec import TuningSpec


def hand_over(work: Work, spec: TuningSpec, folder: Path, lineage: dict[str, Any]) -> dict[str, Any]:
    """Keeps the adapter of ``folder`` (as PEFT saves it) with its lineage; what the job's result says of it."""
    kept = folder.relative_to(work.settings.home)
    return {"model": f"{spec.base}:{spec.name}", "folder": str(kept), "bytes": sum(file.stat().st_size for file in folder.iterdir())}
