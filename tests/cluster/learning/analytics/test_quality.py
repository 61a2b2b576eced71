"""Feedback over time, by task and by what gave the answers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from cluster.learning.analytics.quality import Rate, Series, Wanted, quality
from cluster.learning.feedback.table import Feedback
from cluster.stores.clients import StoreClients
from tests.organisations import new_organisation

TODAY = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
WANTED: dict[str, Any] = {"since": TODAY - timedelta(days=30), "bucket": "day", "by": None, "task": None, "most": 100}


async def give(stores: StoreClients, whose: tuple[uuid.UUID, uuid.UUID], signal: str, value: int | None = None, **more: Any) -> None:
    about = {"target_kind": "message", "target_id": uuid.uuid4().hex, "signal": signal, "value": value, "task": "chat", "model": "nano"}
    row = {"id": uuid.uuid4(), "organisation_id": whose[0], "owner_id": whose[1], "created_at": TODAY} | about | more
    async with stores.database.session() as session:
        await session.execute(insert(Feedback).values(**row))


async def read(stores: StoreClients, whose: tuple[uuid.UUID, uuid.UUID], **more: Any) -> Series:
    async with stores.database.session() as session:
        return await quality(session, whose[0], Wanted(**WANTED | more))


@pytest.fixture
async def here(stores: StoreClients) -> tuple[uuid.UUID, uuid.UUID]:
    return await new_organisation(stores.database)


def test_a_rate_has_wilson_s_interval():
    low, high = Rate(18, 20).interval or (0, 0)
    assert Rate(18, 20).share == 0.9
    assert (low, high) == pytest.approx((0.699, 0.972), abs=1e-3)
    assert (Rate(0, 0).share, Rate(0, 0).interval) == (None, None)


async def test_what_people_said_and_did_is_counted(stores, here):
    for signal, value in (
        ("thumb", 1),
        ("thumb", -1),
        ("stars", 5),
        ("stars", 3),
        ("correction", None),
        ("regenerate", None),
        ("copy", None),
    ):
        await give(stores, here, signal, value)
    ((_, (point,)),) = (await read(stores, here)).items()
    assert (point.begins, point.given) == (TODAY.date(), 7)
    assert (point.approval, point.corrections, point.discarded) == (Rate(2, 3), Rate(1, 5), Rate(1, 2))


async def test_tasks_models_adapters_and_prompts_are_told_apart(stores, here):
    await give(stores, here, "thumb", 1, task="sums", model="mega", adapter="a", prompt="farm", prompt_version=2)
    await give(stores, here, "thumb", -1)
    groups = {by: list(await read(stores, here, by=by)) for by in (None, "model", "adapter", "prompt")}
    assert groups == {
        None: [("chat", None), ("sums", None)],
        "model": [("chat", "nano"), ("sums", "mega")],
        "adapter": [("chat", None), ("sums", "a")],
        "prompt": [("chat", None), ("sums", "farm@2")],
    }
    assert list(await read(stores, here, task="sums")) == [("sums", None)]


async def test_time_goes_forward_by_days_or_by_weeks(stores, here):
    for days in (0, 1, 7):
        await give(stores, here, "thumb", 1, created_at=TODAY - timedelta(days=days))
    by_day, by_week = [await read(stores, here, bucket=bucket) for bucket in ("day", "week")]
    assert [point.begins.day for point in by_day["chat", None]] == [18, 24, 25]
    assert [(point.begins.day, point.given) for point in by_week["chat", None]] == [(16, 1), (23, 2)]
    assert [point.begins.day for point in (await read(stores, here, most=2))["chat", None]] == [24, 25]


async def test_only_what_is_recent_and_one_s_own_organisation_s_is_read(stores, here):
    await give(stores, here, "thumb", 1, created_at=TODAY - timedelta(days=31))
    await give(stores, await new_organisation(stores.database), "thumb", 1)
    assert await read(stores, here) == {}
