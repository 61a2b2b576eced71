"""Asking other servers, for one person."""

from __future__ import annotations

import base64
import re
import uuid
from datetime import UTC, datetime, timedelta

from api.audit.trail import Origin, Trail
from api.conversations.cursors import cursor_of, position_of
from api.outgoing.install import Outside
from api.outgoing.repository import OutgoingRequests, Wanted
from api.outgoing.schemas import HostStatistics, HttpBody, HttpEntry, HttpQuery, HttpReply, HttpStatistics, StatisticsQuery
from api.web.deps import Parts
from api.web.principal import Principal, Role
from cluster.content.media import is_textual
from cluster.content.sniff import decode
from cluster.errors import Forbidden
from cluster.outgoing.asking import Ask, Reply
from cluster.outgoing.journal import Asker
from cluster.stores.sql import AsyncSession

PURPOSE = "http"
# ``secret:NAME``, after the word that says what it is.
SECRET = re.compile(r"^((?:Bearer|Basic|Token|ApiKey|Key) )?(secret:\S+)$", re.I)


class HttpClient:
    def __init__(self, parts: Parts, outside: Outside, who: Principal, origin: Origin) -> None:
        self._database = parts.stores.database
        self._settings = parts.settings.outgoing
        self._outside = outside
        self._who = who
        self._origin = origin

    async def send(self, body: HttpBody) -> HttpReply:
        """Holds no database session while the other side is waited for. Raises what Outgoing.send raises, Forbidden for a secret that is
        used by less than an admin, NotFound for one that does not exist."""
        headers, secrets = await self._headers(body.headers)
        most, longest = int(self._settings.response_bytes), self._settings.timeout_s
        ask = Ask(
            body.url,
            body.method,
            headers,
            (body.body or "").encode("utf-8", "replace"),
            secrets,
            min(body.max_bytes or most, most),
            min(body.timeout_s or longest, longest),
            tuple(body.expect),
        )
        who = Asker(self._who.organisation_id, self._who.user_id, PURPOSE, self._origin.request_id)
        reply = await self._outside.client.send(ask, who)
        async with self._database.session() as session:
            entry = HttpEntry.of(await seen_by(session, self._who).get(reply.id))
        return _told(entry, reply)

    async def _headers(self, given: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
        """With secrets in their places, and the secrets. Who may have a secret sent anywhere may read it: only admins may."""
        headers, secrets = dict(given), list[str]()
        for name, value in given.items():
            match = SECRET.match(value)
            if match is None:
                continue
            if not self._who.role.includes(Role.ADMIN):
                raise Forbidden("Whoever has a secret sent somewhere can read it, so this needs the role 'admin'.").about("headers")
            secret = await self._outside.secrets.resolve(self._who.organisation_id, match[2])
            headers[name] = f"{match[1] or ''}{secret}"
            secrets.append(secret)
            async with self._database.session() as session:
                Trail(session, self._origin, self._who).record("secret.used", match[2][:200], purpose=PURPOSE)
        return headers, tuple(secrets)


class RequestLog:
    """Admins see what their organisation asked, editors what they asked themselves."""

    def __init__(self, session: AsyncSession, who: Principal) -> None:
        self._rows = seen_by(session, who)

    async def page(self, asked: HttpQuery) -> tuple[list[HttpEntry], str | None]:
        """And where the next page begins."""
        wanted = Wanted(**asked.model_dump(exclude={"cursor", "limit"}))
        found = await self._rows.page(wanted, position_of(asked.cursor), asked.limit + 1)
        shown = found[: asked.limit]
        cursor = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return [HttpEntry.of(row) for row in shown], cursor

    async def one(self, request_id: uuid.UUID) -> HttpEntry:
        return HttpEntry.of(await self._rows.get(request_id))

    async def statistics(self, asked: StatisticsQuery) -> HttpStatistics:
        since = datetime.now(UTC) - timedelta(hours=asked.hours)
        return HttpStatistics(since=since, hosts=[HostStatistics.of(host) for host in await self._rows.totals(since, asked.limit)])


def seen_by(session: AsyncSession, who: Principal) -> OutgoingRequests:
    return OutgoingRequests(session, who.organisation_id, None if who.role.includes(Role.ADMIN) else who.user_id)


def _told(entry: HttpEntry, reply: Reply) -> HttpReply:
    text = decode(reply.content, len(reply.content)) if is_textual(reply.media_type) else None
    raw = base64.b64encode(reply.content).decode("ascii") if text is None and reply.content else None
    return HttpReply(request=entry, headers=dict(reply.headers), text=text, base64=raw)
