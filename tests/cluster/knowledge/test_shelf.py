"""What becomes of documents while they are ingested, whatever else happens to them meanwhile."""

from __future__ import annotations

import uuid

from cluster.contracts.documents import Document
from cluster.contracts.retrieval import Space
from cluster.knowledge.shelf import Outcome
from cluster.queue.store import Messages, Wanted
from cluster.settings import QueueSettings, WebhookSettings
from cluster.webhooks.store import Webhooks
from tests.cluster.knowledge.conftest import Library


def read(row_id: uuid.UUID, text: str = "Goats.", version: int = 1) -> Document:
    return Document(str(row_id), version, "a.txt", "text/plain", "hash", text, ())


async def test_what_waits_is_given_out_oldest_first_until_it_is_settled(library: Library):
    first, second = await library.upload("a"), await library.upload("b")
    waiting = await library.on_shelf(lambda shelf: shelf.waiting(10))
    assert [row.id for row in waiting] == [first.id, second.id]
    gone = await library.on_shelf(lambda shelf: shelf.settle([library.outcome(first)]))
    assert gone == []
    assert [row.id for row in await library.on_shelf(lambda shelf: shelf.waiting(10))] == [second.id]
    settled = await library.look(first.id)
    assert settled is not None
    assert (settled.state, settled.indexed_version, settled.chunks) == ("ready", 1, 2)


async def test_a_version_that_came_meanwhile_goes_on_waiting(library: Library):
    row = await library.upload("a")
    done = library.outcome(row)
    await library.change(row, version=2)
    assert await library.on_shelf(lambda shelf: shelf.settle([done])) == []
    now = await library.look(row.id)
    assert now is not None
    assert (now.state, now.indexed_version) == ("pending", None)


async def test_what_was_removed_meanwhile_is_named_so_that_the_index_forgets_it(library: Library):
    marked, kept = await library.upload("a"), await library.upload("b")
    await library.change(marked, state="removing")
    never = Outcome(uuid.uuid4(), uuid.uuid4(), 1, "c")
    outcomes = [library.outcome(marked), library.outcome(kept), never]
    assert await library.on_shelf(lambda shelf: shelf.settle(outcomes)) == [marked.id, never.document]


async def test_texts_of_what_was_removed_are_not_kept(library: Library):
    marked, kept = await library.upload("a"), await library.upload("b")
    await library.change(marked, state="removing")
    assert not await library.on_shelf(lambda shelf: shelf.keep(read(marked.id), marked.id))
    assert await library.on_shelf(lambda shelf: shelf.keep(read(kept.id), kept.id))
    assert await library.on_shelf(lambda shelf: shelf.keep(read(kept.id, "Again."), kept.id))


async def test_members_of_an_archive_get_rows_and_those_that_left_it_are_marked(library: Library):
    archive = await library.upload("a.zip")
    stays, leaves = uuid.uuid4(), uuid.uuid4()
    both = [Outcome(member, archive.id, 1, f"a.zip/{member}", "hash", chunks=1) for member in (stays, leaves)]
    assert await library.on_shelf(lambda shelf: shelf.keep(read(stays), archive.id))
    assert await library.on_shelf(lambda shelf: shelf.keep(read(leaves), archive.id))
    assert await library.on_shelf(lambda shelf: shelf.settle(both)) == []
    assert await library.on_shelf(lambda shelf: shelf.close({archive.id: 1})) == []
    assert await library.on_shelf(lambda shelf: shelf.is_indexed(stays, "hash"))
    assert not await library.on_shelf(lambda shelf: shelf.is_indexed(stays, "another"))
    await library.change(archive, version=2, state="pending")
    again = Outcome(stays, archive.id, 2, f"a.zip/{stays}", "hash", unchanged=True)
    await library.on_shelf(lambda shelf: shelf.settle([again]))
    assert await library.on_shelf(lambda shelf: shelf.close({archive.id: 2})) == [leaves]
    now = await library.look(stays)
    assert now is not None
    assert (now.state, now.version, now.seen) == ("ready", 1, 2)


async def test_the_index_is_to_keep_only_what_is_the_case_now(library: Library):
    rows = [await library.upload(path) for path in ("new", "changed", "failed", "same")]
    for row in rows[1:]:
        await library.change(row, indexed_version=1, indexed_hash=row.path, version=2)
    new, changed, failed, same = rows
    outcomes = [
        library.outcome(new),
        library.outcome(changed, version=2),
        library.outcome(failed, version=2, failed=True, reason="It is empty."),
        library.outcome(same, version=2, unchanged=True),
    ]
    stale = await library.on_shelf(lambda shelf: shelf.stale(outcomes))
    assert sorted(stale, key=str) == sorted([(changed.id, 2), (failed.id, None)], key=str)


async def test_another_form_of_the_model_has_everything_indexed_again(library: Library):
    row = await library.upload("a")
    await library.on_shelf(lambda shelf: shelf.use(Space("tiny", "one", 4)))
    await library.on_shelf(lambda shelf: shelf.settle([library.outcome(row)]))
    await library.on_shelf(lambda shelf: shelf.use(Space("tiny", "one", 4)))
    assert await library.on_shelf(lambda shelf: shelf.count_waiting()) == 0
    await library.on_shelf(lambda shelf: shelf.use(Space("tiny", "two", 4)))
    (waiting,) = await library.on_shelf(lambda shelf: shelf.waiting(10))
    assert (waiting.id, waiting.version) == (row.id, 2)


async def test_what_has_no_row_is_found_among_what_the_index_has(library: Library):
    row, marked, stranger = await library.upload("a"), await library.upload("b"), uuid.uuid4()
    await library.change(marked, state="removing")
    unknown = await library.on_shelf(lambda shelf: shelf.unknown([row.id, marked.id, stranger]))
    assert set(unknown) == {marked.id, stranger}


async def test_webhooks_are_told_what_became_of_documents(library: Library):
    ready, failed, same = [await library.upload(path) for path in ("a.txt", "b.txt", "c.txt")]
    async with library.stores.database.session() as session:
        await Webhooks(session, library.organisation_id, WebhookSettings()).add(
            library.owner_id, "https://example.org/", ["document.*"], ""
        )
    outcomes = [library.outcome(ready), library.outcome(failed, failed=True, reason="It is empty."), library.outcome(same, unchanged=True)]
    await library.on_shelf(lambda shelf: shelf.settle(outcomes))

    async with library.stores.database.session() as session:
        told = await Messages(session, QueueSettings()).page(library.organisation_id, Wanted(queue="events"), 10)
    events = {message.payload["type"]: message.payload["data"] for message in told}
    assert len(told) == 2
    assert (events["document.ready"]["document_id"], events["document.ready"]["path"]) == (str(ready.id), "a.txt")
    assert (events["document.failed"]["document_id"], events["document.failed"]["reason"]) == (str(failed.id), "It is empty.")
