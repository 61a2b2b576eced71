"""Pinned or on demand, by the usage of a model that no other test asks."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import delete

from api.usage.tables import UsageDay
from cluster.contracts.models import ModelKind
from cluster.contracts.residency import ResidencySnapshot
from cluster.fakes.gateway import FakeGateway, fake_model
from cluster.home import CATALOG, REPOSITORY
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.training.optimise.house import NANO, PROFILE, Box1, asked, box_of
from tests.training.optimise.pretending import PretendRigs


class Loaded(FakeGateway):
    """Its models were loaded five times."""

    async def residency(self) -> ResidencySnapshot:
        seen = await super().residency()
        return replace(seen, models=tuple(replace(use, loads_total=5, last_load_s=3.0) for use in seen.models))


@pytest.fixture
async def model(stores: StoreClients, tmp_path: Path) -> AsyncIterator[str]:
    """hearth-nano by another name."""
    name = f"nano-{uuid.uuid4().hex[:8]}"
    told = yaml.safe_load((CATALOG / f"{NANO}.yaml").read_text()) | {"id": name}
    for variant in told["variants"]:
        variant["source"] = {"kind": "path", "path": str(REPOSITORY / variant["source"]["path"])}
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / f"{name}.yaml").write_text(json.dumps(told))
    yield name
    async with stores.database.session() as session:
        await session.execute(delete(UsageDay).where(UsageDay.model.like(f"{name}%")))


async def used(stores: StoreClients, model: str, days: int) -> None:
    """Ten requests on each of so many days until today."""
    nothing = dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens", "estimated", "audio_ms", "images", "cost"), 0)
    async with stores.database.session() as session:
        for back in range(days):
            told = {"day": (datetime.now(UTC) - timedelta(days=back)).date(), "organisation_id": uuid.uuid4(), "user_id": uuid.uuid4()}
            session.add(UsageDay(model=model, requests=10, **told, **nothing))


async def proposed(box: Box1, model: str) -> Any:
    one = await asked(box, PretendRigs(box.home, "parallel", {}, {}), optimisers=["residency"], models=[model])
    one.gateway = Loaded(served=(fake_model(model, ModelKind.LLM),))
    await one.run()
    (change,) = (await one.found()).changes
    return change


def profile(model: str, *, pinned: bool) -> dict[str, Any]:
    return PROFILE | {"models": [*PROFILE["models"], {"model": model, "pinned": pinned, "context_tokens": 256}]}


async def test_what_is_asked_on_most_days_and_loaded_again_and_again_is_to_be_pinned(
    stores, store_settings: Settings, tmp_path, model: str
):
    box = await box_of(stores, store_settings, tmp_path, profile(model, pinned=False))
    await used(stores, f"{model}:an-adapter", 8)
    change = await proposed(box, model)
    assert (change.state, change.change["after"]) == ("proposed", True)
    assert change.reason == "It was asked 80 times on 8 of 14 days and was loaded 5 times, 3.0 s the last time."
    assert (change.evidence["basis"], change.evidence["ratio"]) == ("observed", None), "nothing was tried, and nothing is claimed"


async def test_what_nobody_asks_leaves_its_place_to_others(stores, store_settings: Settings, tmp_path, model: str):
    box = await box_of(stores, store_settings, tmp_path, profile(model, pinned=True))
    await used(stores, f"{model}-neighbour", 3)
    change = await proposed(box, model)
    assert (change.state, change.change["after"]) == ("proposed", False)


async def test_what_is_asked_now_and_then_stays_as_it_is(stores, store_settings: Settings, tmp_path, model: str):
    box = await box_of(stores, store_settings, tmp_path, profile(model, pinned=False))
    await used(stores, model, 3)
    change = await proposed(box, model)
    assert (change.state, "stays on demand" in change.reason) == ("refused", True)
