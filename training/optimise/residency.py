"""Pinned or on demand, by what was asked of a model: counted in the usage of all organisations, and in what the ledger remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Date, String, column, func, select, table

from cluster.errors import ConfigError
from cluster.optimising.change import Evidence, OptimiserName, ServedChange
from cluster.optimising.kept import Proposal
from training.optimise.scene import Scene
from training.optimise.served import RESTART

# The table is the API's; a job's process knows it by name only.
USAGE = table("usage_days", column("day", Date()), column("model", String()), column("requests", BigInteger()))
# On so many of the days a model must have been asked for it to be worth a place of its own.
SHARE_OF_DAYS = 0.5


class Residency:
    """A model that is asked on most days, and was loaded more than once, is worth a place of its own; one that nobody asks is not."""

    name: OptimiserName = "residency"

    def subjects(self, scene: Scene) -> list[str]:
        running = scene.box().residents
        return [model for model in running if scene.wanted.models is None or model in scene.wanted.models]

    def propose(self, scene: Scene, subject: str) -> Proposal:
        resident, days = scene.box().residents[subject], scene.limits.usage_days
        asked = _asked(scene, days)
        own, total = asked.get(subject, {}), sum(sum(one.values()) for one in asked.values())
        loads, load_s = _loads(scene, subject)
        seen = Evidence(
            basis="observed",
            metric=f"requests in {days} days",
            unit="requests",
            before=float(sum(own.values())),
            after=float(sum(own.values())),
            more={"days_asked": float(len(own)), "loads": float(loads), "load_s": load_s, "requests_of_all_models": float(total)},
        )
        told = f"It was asked {sum(own.values())} times on {len(own)} of {days} days"
        if resident.pinned and not own and total:
            return self._proposal(scene, subject, False, f"{told}, others {total} times: on demand, it leaves its place to them.", seen)
        often = len(own) >= SHARE_OF_DAYS * days and loads > 1
        if not resident.pinned and often:
            return self._proposal(scene, subject, True, f"{told} and was loaded {loads} times, {load_s:.1f} s the last time.", seen)
        kept = "stays pinned" if resident.pinned else "stays on demand"
        return Proposal(self.name, subject, "refused", f"{told}, and was loaded {loads} times: it {kept}.", evidence=seen)

    def _proposal(self, scene: Scene, subject: str, pinned: bool, reason: str, seen: Evidence) -> Proposal:
        try:
            scene.box().planned(subject, "pinned", pinned)
        except ConfigError as error:
            return Proposal(self.name, subject, "refused", f"{reason} It cannot be: {error.message}", evidence=seen)
        change = ServedChange(model=subject, field="pinned", before=not pinned, after=pinned)
        how = f"It takes a start: {RESTART}. What it gains was counted, not tried: look again in some days."
        return Proposal(self.name, subject, "proposed", reason, how, change, seen)


def _asked(scene: Scene, days: int) -> dict[str, dict[str, int]]:
    """Requests by model, without its adapter, and day."""

    async def read() -> dict[str, dict[str, int]]:
        since = (datetime.now(UTC) - timedelta(days=days)).date()
        chosen = select(USAGE.c.model, USAGE.c.day, func.sum(USAGE.c.requests)).where(USAGE.c.day > since)
        found: dict[str, dict[str, int]] = {}
        async with scene.database.session() as session:
            for model, day, requests in await session.execute(chosen.group_by(USAGE.c.model, USAGE.c.day)):
                by_day = found.setdefault(str(model).partition(":")[0], {})
                by_day[str(day)] = by_day.get(str(day), 0) + int(requests)
        return found

    return scene.wait(read)


def _loads(scene: Scene, model: str) -> tuple[int, float]:
    """How often it was loaded, and the seconds it took the last time."""
    seen = scene.wait(scene.models.residency)
    use = next((one for one in seen.models if one.model == model), None)
    return (use.loads_total, use.last_load_s or 0.0) if use is not None else (0, 0.0)
