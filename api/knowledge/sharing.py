"""Who may see and change an item, and what it is related to."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from api.knowledge.answers import LinkAnswer, Node, Permissions, Related, ShareAnswer
from api.knowledge.items import NONE_SUCH, Items, reader_of
from api.knowledge.repository import KnowledgeRows
from api.knowledge.schemas import LinkBody, PermissionsBody, RelatedQuery
from api.knowledge.tables import KnowledgeItem, KnowledgeLink, KnowledgeShare
from api.web.principal import Principal
from cluster.errors import BadInput, Conflict, NotFound, TooLarge
from cluster.settings import KnowledgeSettings
from cluster.stores.sql import AsyncSession


class Sharing:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, settings: KnowledgeSettings) -> None:
        self._rows = KnowledgeRows(session, reader_of(who))
        self._items = Items(session, who, settings)
        self._who = who
        self._settings = settings

    async def permissions(self, item_id: uuid.UUID) -> Permissions:
        found = await self._rows.get(item_id)
        if found is None:
            raise NotFound(NONE_SUCH)
        return await self._shown(found[0], may_change=found[1])

    async def permit(self, item_id: uuid.UUID, body: PermissionsBody) -> Permissions:
        """Exactly what the body says from now on; the owner keeps everything."""
        row = await self._items.changeable(item_id)
        await self._check(body)
        row.audience, row.revision, row.not_before = body.audience, row.revision + 1, datetime.now(UTC)
        await self._rows.unshare(item_id)
        self._rows.add(
            *(
                KnowledgeShare(item_id=item_id, user_id=share.user_id, team_id=share.team_id, role=share.role, created_at=row.not_before)
                for share in body.shares
            )
        )
        await self._rows.flush()
        return await self._shown(row, may_change=True)

    async def relate(self, item_id: uuid.UUID, body: LinkBody) -> LinkAnswer:
        row = await self._items.changeable(item_id)
        if body.to_id == item_id:
            raise BadInput("An item cannot be related to itself.").about("to_id")
        await self._items.visible(body.to_id)
        made = KnowledgeLink(
            organisation_id=self._who.organisation_id, owner_id=self._who.user_id, from_id=row.id, to_id=body.to_id, kind=body.kind
        )
        if await self._rows.same_link(made):
            raise Conflict("The two items have this relation already.")
        if len(await self._rows.links([item_id], self._settings.links)) >= self._settings.links:
            raise TooLarge(f"An item has at most {self._settings.links} relations (setting knowledge.links).")
        self._rows.add(made)
        await self._rows.flush()
        return LinkAnswer.of(made)

    async def unrelate(self, item_id: uuid.UUID, link_id: uuid.UUID) -> None:
        await self._items.changeable(item_id)
        link = await self._rows.link(link_id)
        if link is None or item_id not in (link.from_id, link.to_id):
            raise NotFound(f"The item has no such relation; GET /api/v1/knowledge/items/{item_id}/related lists those it has.")
        await self._rows.remove(link)

    async def related(self, item_id: uuid.UUID, wanted: RelatedQuery) -> Related:
        """What can be reached by relations, through items that the person may see; without what says something alike."""
        await self._items.visible(item_id)
        depths, links, edge = {item_id: 0}, dict[uuid.UUID, KnowledgeLink](), {item_id}
        nodes = dict[uuid.UUID, KnowledgeItem]()
        for depth in range(1, wanted.depth + 1):
            near = [link for link in await self._rows.links(edge, self._settings.links) if wanted.kind is None or link.kind == wanted.kind]
            ends = {end for link in near for end in (link.from_id, link.to_id)} - depths.keys()
            seen = await self._rows.those(ends)
            nodes |= seen
            depths |= dict.fromkeys(seen, depth)
            links |= {link.id: link for link in near if {link.from_id, link.to_id} <= depths.keys()}
            edge = set(seen)
        items = [
            Node(item_id=row.id, title=row.title, kind=row.kind, category=row.category, depth=depths[row.id]) for row in nodes.values()
        ]
        items.sort(key=lambda node: (node.depth, node.title))
        return Related(items=items, links=[LinkAnswer.of(link) for link in links.values()], alike=[])

    async def _check(self, body: PermissionsBody) -> None:
        if len(body.shares) > self._settings.shares:
            raise TooLarge(f"An item is shared with at most {self._settings.shares} users and teams (knowledge.shares); use teams.")
        users = [share.user_id for share in body.shares if share.user_id is not None]
        teams = [share.team_id for share in body.shares if share.team_id is not None]
        if len(set(users)) < len(users) or len(set(teams)) < len(teams):
            raise BadInput("A user or team is named twice; name each once.").about("shares")
        if await self._rows.members(users) != set(users):
            raise NotFound("One of these users is not in your organisation; GET /api/v1/users lists those who are.")
        if await self._rows.teams(teams) != set(teams):
            raise NotFound("One of these teams is not your organisation's; GET /api/v1/teams lists those that are.")

    async def _shown(self, row: KnowledgeItem, *, may_change: bool) -> Permissions:
        shares = [ShareAnswer.of(share) for share in await self._rows.shares(row.id)]
        return Permissions(owner_id=row.owner_id, audience=row.audience, shares=shares, may_change=may_change)
