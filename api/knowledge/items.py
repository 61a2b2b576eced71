"""Knowledge items and what they said before: for one person, in one transaction."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from difflib import unified_diff

from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.knowledge.answers import Counted, Diff, ItemAnswer, Proposal, VersionAnswer
from api.knowledge.repository import KnowledgeRows, Narrow, Reader
from api.knowledge.schemas import ConfirmBody, DiffQuery, ItemBody, ItemChange, ItemQuery, RestoreBody, VerdictBody, VersionsQuery
from api.knowledge.tables import KnowledgeItem, KnowledgeVersion
from api.web.principal import Principal
from cluster.errors import BadInput, Conflict, Forbidden, NotFound, TooLarge
from cluster.settings import KnowledgeSettings
from cluster.stores.sql import AsyncSession

SAID = ("title", "content", "kind", "fields", "category", "tags")
# A comparison takes time that may grow with the square of the lines.
MOST_LINES = 20_000
NONE_SUCH = "There is no such item that you may see; GET /api/v1/knowledge/items lists those there are."


def reader_of(who: Principal) -> Reader:
    return Reader(who.organisation_id, who.user_id)


class Items:
    def __init__(self, session: AsyncSession, who: Principal, settings: KnowledgeSettings) -> None:
        self._rows = KnowledgeRows(session, reader_of(who))
        self._who = who
        self._settings = settings

    async def create(self, body: ItemBody) -> ItemAnswer:
        self._check(body.content, body.fields)
        now = datetime.now(UTC)
        said = {name: getattr(body, name) for name in SAID} | {"tags": _tidy(body.tags)}
        row = KnowledgeItem(
            id=uuid.uuid4(),
            organisation_id=self._who.organisation_id,
            owner_id=self._who.user_id,
            version=1,
            audience=body.audience,
            created_at=now,
            updated_at=now,
            revision=1,
            indexed_revision=0,
            **said,
        )
        self._rows.add(row)
        await self._rows.flush()
        self._keep(row, body.note)
        await self._rows.flush()
        return ItemAnswer.of(row)

    async def get(self, item_id: uuid.UUID) -> ItemAnswer:
        return ItemAnswer.of(await self.visible(item_id))

    async def page(self, wanted: ItemQuery) -> Listing[ItemAnswer]:
        narrow = Narrow(wanted.category, wanted.kind, wanted.tag, wanted.title, wanted.mine)
        rows = await self._rows.page(narrow, position_of(wanted.cursor), wanted.limit + 1)
        page = rows[: wanted.limit]
        cursor = cursor_of(page[-1].updated_at, page[-1].id) if len(rows) > wanted.limit else None
        return Listing[ItemAnswer](items=[ItemAnswer.of(row) for row in page], next_cursor=cursor)

    async def change(self, item_id: uuid.UUID, body: ItemChange) -> ItemAnswer:
        row = await self.changeable(item_id)
        _need_latest(row, body.version)
        for name in body.model_fields_set & set(SAID):
            value = getattr(body, name)
            setattr(row, name, _tidy(value) if name == "tags" else value)
        self._check(row.content, row.fields)
        return await self._next(row, body.note)

    async def delete(self, item_id: uuid.UUID) -> None:
        """The index follows: the database notes what is gone."""
        await self._rows.remove(await self.changeable(item_id))

    async def versions(self, item_id: uuid.UUID, wanted: VersionsQuery) -> list[VersionAnswer]:
        await self.visible(item_id)
        return [VersionAnswer.of(row) for row in await self._rows.versions(item_id, wanted.before, wanted.limit)]

    async def version(self, item_id: uuid.UUID, version: int) -> VersionAnswer:
        await self.visible(item_id)
        return VersionAnswer.of(await self._version(item_id, version))

    async def diff(self, item_id: uuid.UUID, wanted: DiffQuery) -> Diff:
        latest = (await self.visible(item_id)).version
        until = await self._version(item_id, wanted.until or latest)
        since = await self._version(item_id, wanted.since or max(1, until.version - 1))
        lines = since.content.splitlines(), until.content.splitlines()
        if max(map(len, lines)) > MOST_LINES:
            raise TooLarge(f"Versions of more than {MOST_LINES} lines are not compared; read both instead.")
        names = f"version {since.version}", f"version {until.version}"
        content = await asyncio.to_thread(lambda: "\n".join(unified_diff(*lines, *names, lineterm="")))
        changed = [name for name in SAID if getattr(since, name) != getattr(until, name)]
        return Diff(since=since.version, until=until.version, changed=changed, content=content)

    async def restore(self, item_id: uuid.UUID, body: RestoreBody) -> ItemAnswer:
        """A new version that says what an earlier one said."""
        row = await self.changeable(item_id)
        _need_latest(row, body.latest)
        old = await self._version(item_id, body.version)
        for name in SAID:
            setattr(row, name, getattr(old, name))
        return await self._next(row, f"As in version {old.version}.")

    async def confirm(self, item_id: uuid.UUID, body: ConfirmBody) -> ItemAnswer:
        """The category and tags that a person says, or finds right as they were proposed."""
        row = await self.changeable(item_id)
        _need_latest(row, body.version)
        proposal = None if row.proposal is None else Proposal.model_validate(row.proposal)
        if proposal is None and not body.model_fields_set & {"category", "tags"}:
            raise BadInput("Nothing was proposed for this item: say 'category' or 'tags', or ask for a proposal first.").about("category")
        suggested = proposal.category.name if proposal is not None and proposal.category is not None else None
        row.category = body.category if "category" in body.model_fields_set else suggested or row.category
        if body.tags is not None:
            row.tags = _tidy(body.tags)
        elif proposal is not None and "tags" not in body.model_fields_set:
            row.tags = _tidy([*row.tags, *(tag.name for tag in proposal.tags)])[:50]
        row.proposal = None
        return await self._next(row, "Classified.")

    async def judge(self, item_id: uuid.UUID, body: VerdictBody) -> ItemAnswer:
        """A person's word on one version; the item itself stays as it is."""
        row = await self.changeable(item_id)
        _need_latest(row, body.version)
        row.verdict, row.verdict_note, row.checked_version = body.verdict, body.note, body.version
        row.checked_by, row.checked_at = self._who.user_id, datetime.now(UTC)
        await self._rows.flush()
        return ItemAnswer.of(row)

    async def categories(self) -> list[Counted]:
        return [Counted(name=name, items=count) for name, count in await self._rows.categories()]

    async def tags(self, most: int) -> list[Counted]:
        return [Counted(name=name, items=count) for name, count in await self._rows.tags(most)]

    async def visible(self, item_id: uuid.UUID) -> KnowledgeItem:
        found = await self._rows.get(item_id)
        if found is None:
            raise NotFound(NONE_SUCH)
        return found[0]

    async def changeable(self, item_id: uuid.UUID) -> KnowledgeItem:
        """Held until the transaction ends. Raises Forbidden for one that may only be read."""
        found = await self._rows.get(item_id, lock=True)
        if found is None:
            raise NotFound(NONE_SUCH)
        if not found[1]:
            raise Forbidden("You may read this item and not change it; its owner, or an editor of it, can share it with you as an editor.")
        return found[0]

    async def _next(self, row: KnowledgeItem, note: str) -> ItemAnswer:
        row.version, row.revision = row.version + 1, row.revision + 1
        # Its place in a list must be unlike that of any earlier change.
        row.updated_at = row.not_before = datetime.now(UTC)
        self._keep(row, note)
        await self._rows.flush()
        return ItemAnswer.of(row)

    def _keep(self, row: KnowledgeItem, note: str) -> None:
        said = {name: getattr(row, name) for name in SAID}
        made = KnowledgeVersion(item_id=row.id, version=row.version, author_id=self._who.user_id, note=note, **said)
        made.created_at = row.updated_at
        self._rows.add(made)

    async def _version(self, item_id: uuid.UUID, version: int) -> KnowledgeVersion:
        row = await self._rows.version(item_id, version)
        if row is None:
            raise NotFound(f"The item has no version {version}; GET /api/v1/knowledge/items/{item_id}/versions lists those it has.")
        return row

    def _check(self, content: str, fields: object) -> None:
        if len(content) > self._settings.content_chars:
            most = self._settings.content_chars
            raise TooLarge(f"'content' has {len(content)} characters, at most {most} are kept (knowledge.content_chars); split it.").about(
                "content"
            )
        size = len(json.dumps(fields))
        if size > self._settings.fields_chars:
            most = self._settings.fields_chars
            raise TooLarge(f"'fields' has {size} characters as JSON, at most {most} are kept (setting knowledge.fields_chars).").about(
                "fields"
            )


def _need_latest(row: KnowledgeItem, version: int) -> None:
    if row.version != version:
        raise Conflict(
            f"The item is at version {row.version}, not {version}: read it again, and repeat the change if it still makes sense."
        )


def _tidy(tags: list[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
