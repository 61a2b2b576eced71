"""Where a trained adapter goes: into the registry, as a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from cluster.home import Home
from cluster.jobs.work import Work
from cluster.learning.adapters.publishing import publish
from cluster.learning.adapters.registry import register
from cluster.learning.adapters.table import Adapter
from cluster.learning.taking_back import mark_if_taken_back
from cluster.learning.tuning.spec import TuningSpec
from cluster.stores.sql import AsyncSession
from training.finetune.database import in_database, with_database


def hand_over(work: Work, spec: TuningSpec, folder: Path, lineage: dict[str, Any]) -> dict[str, Any]:
    """Registers the adapter of ``folder`` (as PEFT saves it) with its lineage, once however often it is called; what the job's result says
    of it. Whoever is told that the training has ended may ask the adapter at once."""

    async def registered(session: AsyncSession) -> tuple[str, int]:
        row = await session.scalar(_made_by(work)) or await register(
            session,
            organisation_id=work.organisation_id,
            base=spec.base,
            name=spec.name,
            folder=folder,
            lineage=lineage,
            settings=work.settings,
            owner_id=work.owner_id,
        )
        await mark_if_taken_back(session, work.organisation_id, spec.train.sha256)
        return str(row.id), row.version

    adapter_id, version = in_database(work.settings, registered)
    _write_down(work, spec.base)
    kept = folder.relative_to(work.settings.home)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {"model": f"{spec.base}:{spec.name}", "adapter": adapter_id, "version": version, "folder": str(kept), "bytes": size}


def _write_down(work: Work, base: str) -> None:
    """For gateways and replicas."""
    try:
        with_database(work.settings, lambda database: publish(database, Home(work.settings.home), base))
    except OSError as error:
        # The registry has it, and the API looks whether files say what that does.
        work.log(f"It can be asked when the API has written it down, which this process could not ({error.strerror}); free some space.")


def _made_by(work: Work) -> Any:
    """An attempt that was killed behind its last step has registered it already."""
    same_job = Adapter.lineage["job_id"].as_string() == str(work.id)
    return select(Adapter).where(Adapter.organisation_id == work.organisation_id, same_job)
