"""What learning brought and what it cost, over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import null, update

from api.web.principal import Role
from cluster.learning.gate.table import GateVerdict
from cluster.specs.prices import PricesSpec
from tests.api.fixtures.people import add_person
from tests.api.learning.conftest import BASE

ALL = ("label-efficiency", "quality", "drift", "cost")


async def test_where_there_is_nothing_that_is_what_is_said(ask, editor):
    for what in ALL:
        told = await ask(editor, what)
        assert told["notes"], what
        assert all(not told[name] for name in ("curves", "savings", "series", "verdicts", "adapters", "totals", "rates") if name in told)


async def test_score_grows_with_labels_and_active_choice_saves_some(ask, editor, learned):
    for score, labels, strategy in ((0.4, 2, "random"), (0.6, 8, "random"), (0.5, 2, "active"), (0.7, 6, "active")):
        await learned.train(score, labels, strategy)
    told = await ask(editor, "label-efficiency")
    assert [(curve["chosen"], [point["labels"] for point in curve["points"]]) for curve in told["curves"]] == [
        ("active", [2, 6]),
        ("random", [2, 8]),
    ]
    (saving,) = told["savings"]
    assert (saving["score"], saving["random"], saving["active"], saving["share"]) == (0.6, 8, pytest.approx(4), pytest.approx(0.5))
    assert [one["adapter"] for one in told["verdicts"]] == ["sums@1", "sums@2", "sums@3", "sums@4"]
    assert told["notes"] == []
    assert (await ask(editor, "label-efficiency", task="tales"))["curves"] == []


async def test_quality_over_time_is_told_by_people_and_by_the_gate(ask, editor, learned):
    await learned.train(0.6, 2)
    await learned.thumbs(9, 1)
    await learned.thumbs(1, 1, days=40)
    told = await ask(editor, "quality", by="model")
    (series,) = told["series"]
    (point,) = series["points"]
    assert (series["task"], series["group"], point["approval"]["share"]) == ("sums", "nano:sums@1", 0.9)
    assert point["approval"]["low"] < 0.9 < point["approval"]["high"]
    assert [one["score"] for one in told["verdicts"]] == [0.6]
    assert len((await ask(editor, "quality", days=60))["series"][0]["points"]) == 2


async def test_what_a_point_took_is_told(ask, editor, learned):
    await learned.train(0.5, 4)
    told = await ask(editor, "cost")
    (one,), (total,) = told["adapters"], told["totals"]
    assert (one["points"], one["spent"]["training_s"], one["spent"]["labels"], one["spent"]["gate_tokens"]) == (
        pytest.approx(20),
        100,
        4,
        2500,
    )
    assert (one["spent"]["money"], one["spent"]["unpriced"]) == (None, ["training", "labelling", "gate"])
    assert one["per_point"]["training_s"] == pytest.approx(5)
    assert (total["adapters"], total["passed"], told["currency"]) == (1, 1, PricesSpec().currency)


async def test_another_organisation_s_are_not_seen_and_viewers_are_not_told(ask, stores, admin, learned):
    await learned.serve()
    await learned.thumbs(3, 1)
    stranger, viewer = await add_person(stores), await add_person(stores, Role.VIEWER, admin)
    for what in ALL:
        told = await ask(stranger, what)
        assert "sums" not in str(told), what
        assert told["notes"], what
        assert (await ask(viewer, what, 403))["code"] == "forbidden", what


async def test_what_is_asked_wrongly_is_refused(ask, editor):
    for what, query, param in (
        ("label-efficiency", {"format": "svg"}, "format"),
        ("label-efficiency", {"task": ""}, "task"),
        ("cost", {"base": "nano:sums"}, "base"),
        ("cost", {"colour": "red"}, "colour"),
        ("quality", {"days": 0}, "days"),
        ("quality", {"by": "person"}, "by"),
        ("quality", {"bucket": "hour"}, "bucket"),
        ("drift", {"days": 366}, "days"),
        ("drift", {"base": "a\u0000b"}, "base"),
    ):
        assert param in (await ask(editor, what, 400, **query))["param"], (what, query)


async def test_a_picture_is_drawn_on_request(web, editor, learned):
    await learned.train(0.6, 2)
    for given in ({"params": {"format": "png"}}, {"headers": {"Accept": "image/png"}}):
        shown = {"headers": editor.headers | given.get("headers", {}), "params": given.get("params")}
        answer = await web.get(f"{BASE}/label-efficiency", **shown)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
        assert answer.content.startswith(b"\x89PNG")
    answer = await web.get(f"{BASE}/cost", headers=editor.headers | {"Accept": "image/png"}, params={"format": "json"})
    assert answer.json()["data"]["adapters"]


async def test_a_verdict_that_is_not_found_yet_is_in_nothing(ask, stores, editor, learned):
    await learned.train(0.6, 2)
    async with stores.database.session() as session:
        unfound = update(GateVerdict).where(GateVerdict.organisation_id == editor.organisation_id)
        await session.execute(unfound.values(verdict=null(), outcome=None))
    assert (await ask(editor, "cost"))["adapters"] == []
