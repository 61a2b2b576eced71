"""Versions from uploads, feedback and labels, built on Ray Data."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select

from cluster.errors import NotFound, TooLarge, Unprocessable
from cluster.learning.datasets import mark_erased
from cluster.learning.datasets.folders import SHEET, SHEET_MARKDOWN
from cluster.learning.datasets.origins import ORIGINS, from_door
from cluster.learning.datasets.tables import DatasetSource, DatasetVersionRow
from cluster.learning.example import Example, Source
from tests.training.datasets.workshop import Workshop, examples_in, pair, story

pytestmark = pytest.mark.usefixtures("ray_runtime")

STORIES = [story(number) for number in range(30)]


async def sheet_of(workshop: Workshop, lines: list[Any], shape: str = "sft", **options: Any) -> dict[str, Any]:
    dataset = await workshop.of(lines, shape, **options)
    await workshop.build(dataset)
    return (await workshop.load(dataset)).datasheet


async def refusal(workshop: Workshop, lines: list[Any], kind: type[Exception] = Unprocessable, shape: str = "sft", **limits: Any) -> str:
    dataset = await workshop.of(lines, shape)
    with pytest.raises(kind) as refused:
        await workshop.build(dataset, **limits)
    assert workshop.left() == [], "nothing half done stays"
    return str(refused.value)


async def test_every_example_is_on_one_side_and_knows_where_it_comes_from(workshop):
    dataset = await workshop.of(STORIES, held_out_share=0.3)
    result = await workshop.build(dataset)
    assert result["new"] is True
    version = await workshop.load(dataset)
    train, held_out = examples_in(version.path_train), examples_in(version.path_held_out)
    assert (len(train), len(held_out)) == (version.counts["train"], version.counts["held_out"]) == (result["train"], result["held_out"])
    assert len(held_out) >= 1
    found = {(example.messages[0]["content"], example.chosen) for example in train + held_out}
    assert found == {(line["messages"][0]["content"], line["messages"][1]["content"]) for line in STORIES}
    assert {example.source.user_id for example in train} == {str(workshop.owner_id)}
    assert sorted(int(example.source.id.rpartition(":")[2]) for example in train + held_out) == list(range(1, 31))
    assert version.path_train.parent.name == version.sha256 == result["sha256"]
    sheet = json.loads((version.path_train.parent / SHEET).read_text())
    assert sheet == version.datasheet
    assert (sheet["counts"]["read"], sheet["counts"]["kept"], sheet["dropped"]) == (30, 30, {})
    assert "30 examples of 30 read" in (version.path_train.parent / SHEET_MARKDOWN).read_text()


async def test_the_same_sources_give_the_same_version_and_nothing_is_written_twice(workshop):
    dataset = await workshop.of(STORIES)
    first = await workshop.build(dataset)
    file = (await workshop.load(dataset)).path_train
    before = file.stat()
    again = await workshop.build(dataset)
    assert again == first | {"new": False}
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert workshop.left() == [first["sha256"]]
    other = await workshop.of(STORIES[1:])
    assert (await workshop.build(other))["sha256"] != first["sha256"]


async def test_what_is_repeated_is_there_once_and_all_who_said_it_are_known(workshop, stores):
    near = json.loads(json.dumps(STORIES[0]).replace("w0 ", "W0, "))
    dataset = await workshop.of([*STORIES, STORIES[3], STORIES[3], near])
    await workshop.build(dataset)
    version = await workshop.load(dataset)
    assert version.counts["train"] + version.counts["held_out"] == 30
    assert version.datasheet["dropped"] == {"duplicate": 2, "near_duplicate": 1}
    async with stores.database.session() as session:
        chosen = select(DatasetSource.source_id).where(DatasetSource.version_id == version.id)
        assert len(list(await session.scalars(chosen))) == 33


async def test_what_is_nearly_the_same_stays_together(workshop):
    words = [f"word{number}" for number in range(60)]
    groups = [[story(group * 1000) for _ in range(3)] for group in range(12)]
    for number, group in enumerate(groups):
        for place, line in enumerate(group):
            line["messages"][0]["content"] = " ".join([f"group{number}{word}" for word in words] + [f"end{place}"])
            line["messages"][1]["content"] = f"answer {number} {place}"
    dataset = await workshop.of([line for group in groups for line in group], held_out_share=0.4)
    await workshop.build(dataset)
    version = await workshop.load(dataset)
    sides = [
        {example.messages[0]["content"].split("word")[0] for example in examples_in(path)}
        for path in (version.path_train, version.path_held_out)
    ]
    assert sides[0].isdisjoint(sides[1])
    assert version.datasheet["near_duplicates"] | {"held_out_clusters": 0} == {
        "clusters": 12,
        "examples": 36,
        "largest": 3,
        "held_out_clusters": 0,
    }
    assert version.datasheet["near_duplicates"]["held_out_clusters"] == version.counts["held_out"] / 3


async def test_a_majority_decides_what_is_contradicted_and_the_datasheet_lists_it(workshop):
    lines = [*STORIES, story(100, "blue"), story(100, "blue"), story(100, "green"), story(101, "up"), story(101, "down")]
    dataset = await workshop.of(lines)
    await workshop.build(dataset)
    version = await workshop.load(dataset)
    answers = {example.chosen for path in (version.path_train, version.path_held_out) for example in examples_in(path)}
    assert answers & {"blue", "green", "up", "down"} == {"blue"}
    told = version.datasheet["contradictions"]
    assert (told["questions"], version.datasheet["dropped"]["contradictory"]) == (2, 3)
    assert {frozenset((one["answer"], one["votes"], one["majority"]) for one in listed["answers"]) for listed in told["listed"]} == {
        frozenset({("blue", 2, True), ("green", 1, False)}),
        frozenset({("up", 1, False), ("down", 1, False)}),
    }
    assert (await sheet_of(workshop, lines, contradictions="keep"))["counts"]["kept"] == 34


async def test_pairs_are_kept_as_pairs_and_opposite_ones_contradict(workshop):
    lines = [*(pair(number) for number in range(20)), pair(50), pair(50, "no", "yes"), pair(60, "same", " same\n"), STORIES[29]]
    dataset = await workshop.of(lines, "dpo")
    await workshop.build(dataset)
    version = await workshop.load(dataset)
    train = examples_in(version.path_train)
    assert {(example.chosen, example.rejected) for example in train} == {("yes", "no")}
    assert version.counts["train"] + version.counts["held_out"] == 20
    assert version.datasheet["dropped"] == {"contradictory": 2, "no_pair": 1, "same_answers": 1}


@pytest.mark.parametrize(("did", "kept", "shown"), [("mask", 31, "[EMAIL]"), ("drop", 30, None), ("keep", 31, "mira@velmhaven.example")])
async def test_personal_data_is_masked_or_dropped_and_counted(workshop, did, kept, shown):
    line = story(200, "Write to mira@velmhaven.example, or to jon@velmhaven.example.")
    dataset = await workshop.of([*STORIES, line], pii=did)
    await workshop.build(dataset)
    version = await workshop.load(dataset)
    texts = version.path_train.read_text() + version.path_held_out.read_text()
    assert ("mira@" in texts) is (did == "keep")
    assert shown is None or shown in texts
    sheet = version.datasheet
    assert sheet["personal_data"] == {"did": did, "examples": 1, "found": {"email": 2}}
    assert (sheet["counts"]["kept"], sheet["dropped"].get("personal_data", 0)) == (kept, 31 - kept)


async def test_feedback_and_labels_join_files_and_a_label_is_surer(workshop):
    said = STORIES[5]["messages"][0]

    async def feedback(session, organisation_id, *, since=None, tasks=None):
        assert (organisation_id, since, tasks) == (workshop.organisation_id, None, ["tales"])
        yield Example(messages=(said,), chosen="answer 5", task="tales", source=Source(kind="feedback", id="f1", user_id="u1"))

    async def labels(session, organisation_id, *, since=None, tasks=None):
        yield Example(messages=(said,), chosen="answer 5", rejected="no", task="tales", source=Source(kind="label", id="l1"))

    origins = {**ORIGINS, "feedback": from_door(feedback), "label": from_door(labels)}
    file = await workshop.upload(STORIES)
    dataset = await workshop.dataset(file, {"kind": "feedback", "tasks": ["tales"]}, {"kind": "label"})
    await workshop.build(dataset, origins)
    version = await workshop.load(dataset)
    both = examples_in(version.path_train) + examples_in(version.path_held_out)
    assert [example.source.id for example in both if example.task == "tales"] == ["l1"]
    assert version.datasheet["dropped"] == {"duplicate": 2}
    assert version.datasheet["sources"] == {f"upload {file['file_id']}": 30, "feedback of tales": 1, "label": 1}


async def test_what_was_downloaded_can_be_uploaded_again(workshop):
    dataset = await workshop.of([pair(number) for number in range(20)], "dpo")
    await workshop.build(dataset)
    lines = (await workshop.load(dataset)).path_train.read_text().splitlines()
    again = await workshop.of(lines, "dpo")
    assert (await workshop.build(again))["train"] + (await workshop.load(again)).counts["held_out"] == len(lines)


async def test_sources_without_examples_say_so(workshop):
    assert "hold no examples" in await refusal(workshop, ["", "  "])


async def test_too_few_examples_say_what_became_of_the_others(workshop):
    message = await refusal(workshop, [STORIES[0]] * 20)
    assert "1 of 20 examples are left (19 duplicate), at least 4 are needed (setting datasets.least_examples)" in message


async def test_too_many_examples_are_refused(workshop):
    assert "setting datasets.most_examples" in await refusal(workshop, STORIES, TooLarge, most_examples=20)


async def test_one_answer_to_everything_is_refused(workshop):
    assert "All 30 examples have the same answer" in await refusal(workshop, [story(number, "yes") for number in range(30)])


async def test_one_question_over_and_over_cannot_be_split(workshop):
    lines = [story(1, f"answer {number}") for number in range(30)]
    dataset = await workshop.of(lines, contradictions="keep")
    with pytest.raises(Unprocessable, match="ask nearly the same"):
        await workshop.build(dataset)


async def test_a_wrong_format_is_told_by_line_with_what_is_expected(workshop):
    wrong = ["{not json", {"messages": [{"role": "user", "content": "?"}]}, {"prompt": "a", "completion": "b"}]
    message = await refusal(workshop, [STORIES[0], *wrong, *STORIES[1:5]])
    assert "3 of 8 lines are in a wrong format, at most 10% may be (setting datasets.wrong_share)" in message
    assert "The first is lines.jsonl, line 2: The line is not a JSON object" in message
    assert '{"messages": [{"role": "user"' in message
    sheet = await sheet_of(workshop, [*STORIES, wrong[2]])
    assert sheet["wrong"][0]["place"] == "lines.jsonl, line 31"
    assert "'completion' is not a field that is taken here" in sheet["wrong"][0]["problem"]


async def test_over_long_lines_are_left_out_by_their_number(workshop):
    long = story(300, "x" * 3000)
    dataset = await workshop.of([STORIES[0], long, *STORIES[1:]])
    await workshop.build(dataset, line_bytes=2000)
    version = await workshop.load(dataset)
    assert version.datasheet["dropped"] == {"over_long": 1}
    assert version.datasheet["wrong"] == [
        {"place": "lines.jsonl, line 2", "problem": "It has more than 2000 bytes (setting datasets.line_bytes)."}
    ]
    assert version.counts["train"] + version.counts["held_out"] == 30


async def test_what_was_erased_is_in_no_later_version(workshop, stores):
    dataset = await workshop.of(STORIES)
    await workshop.build(dataset)
    source = examples_in((await workshop.load(dataset)).path_train)[0].source
    async with stores.database.session() as session:
        assert len(await mark_erased(session, workshop.organisation_id, [source])) == 1
    second = await workshop.build(dataset)
    version = await workshop.load(dataset)
    assert (version.version, second["new"], version.datasheet["dropped"]) == (2, True, {"erased": 1})
    assert source.id not in {example.source.id for path in (version.path_train, version.path_held_out) for example in examples_in(path)}


async def test_a_version_that_was_being_built_while_somebody_was_erased_is_marked(workshop, stores):
    loop, file = asyncio.get_running_loop(), await workshop.upload(STORIES)

    async def erase(source):
        async with stores.database.session() as session:
            await mark_erased(session, workshop.organisation_id, [source])

    async def feedback(session, organisation_id, *, since=None, tasks=None):
        source = Source(kind="feedback", id="f1", user_id="u1")
        yield Example(messages=({"role": "user", "content": "quite another thing"},), chosen="42", source=source)
        await asyncio.to_thread(asyncio.run_coroutine_threadsafe(erase(source), loop).result, 30)

    dataset = await workshop.dataset(file, {"kind": "feedback"})
    await workshop.build(dataset, {**ORIGINS, "feedback": from_door(feedback)})
    async with stores.database.session() as session:
        row = await session.scalar(select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id))
    assert row is not None
    assert (row.contains_erased, row.erased_at is not None) == (1, True)


async def test_a_version_whose_duplicate_was_erased_may_be_used_again_once_it_is_built_without(workshop, stores):
    dataset = await workshop.of([*STORIES, STORIES[3]])
    first = await workshop.build(dataset)
    file = dataset.recipe["sources"][0]["file_id"]
    async with stores.database.session() as session:
        await mark_erased(
            session, workshop.organisation_id, [Source(kind="upload", id=f"{file}:4"), Source(kind="upload", id=f"{file}:31")]
        )
        held = await session.scalars(select(DatasetSource.source_id).where(DatasetSource.erased_at.is_not(None)))
        assert {f"{file}:4", f"{file}:31"} <= set(held)
    second = await workshop.build(dataset)
    assert (second["version"], second["train"] + second["held_out"]) == (2, 29)
    assert first["sha256"] != second["sha256"]


async def test_a_file_that_is_gone_is_named(workshop):
    dataset = await workshop.dataset({"kind": "upload", "file_id": "file-" + "0" * 32})
    with pytest.raises(NotFound, match="GET /v1/files"):
        await workshop.build(dataset)
