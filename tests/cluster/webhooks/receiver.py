"""A server that webhooks are sent to, on loopback: answers as it is told, and checks signatures with the specification's own library."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from cluster.fakes.loopback import LoopbackServer


@dataclass
class Receiver(LoopbackServer):
    """``answers``: statuses, one after the other; then 204. ``headers``: of those that are no success. ``seen``: what
    came, headers and body."""

    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        return app

    @property
    def hook(self) -> str:
        return f"{self.url}/hook"

    def told(self, secret: str) -> list[dict[str, Any]]:
        """What was sent, all of it signed with ``secret``."""
        for headers, body in self.seen:
            Webhook(secret).verify(body, headers)
        return [json.loads(body) for _, body in self.seen]

    async def _take(self, request: web.Request) -> web.Response:
        self.seen.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers=self.headers if status >= 300 else None)
