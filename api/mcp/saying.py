"""Messages beside an answer (`notifications/message`): how a call went, for whoever looks at a client's log."""

from __future__ import annotations

from typing import get_args

from mcp.server.connection import allowed_log_levels
from mcp_types import EmptyResult, LoggingLevel, LoggingMessageNotification, LoggingMessageNotificationParams, SetLevelRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from api.mcp.asking import Context, session_in
from api.mcp.sessions import Sessions
from cluster.contracts.generation import Json
from cluster.errors import BadInput

LEVELS: tuple[str, ...] = get_args(LoggingLevel)
# What a client gets that has not chosen.
LEAST = "warning"
LOGGER = "hearth.tools"


async def say(context: Context, level: LoggingLevel, data: Json) -> None:
    """Sends ``data`` on the way of the answer, where messages of ``level`` are wanted."""
    if not _wanted(context, level):
        return
    params = LoggingMessageNotificationParams(level=level, logger=LOGGER, data=data)
    await context.session.send_notification(LoggingMessageNotification(params=params), context.request_id)


def _wanted(context: Context, level: LoggingLevel) -> bool:
    """The newest revision chooses with each request, the others for a session."""
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return level in allowed_log_levels(context.protocol_version, context.meta)
    session = session_in(context)
    return LEVELS.index(level) >= LEVELS.index((session.level if session else None) or LEAST)


class Levels:
    """`logging/setLevel`, of the revisions that have sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def choose(self, context: Context, params: SetLevelRequestParams) -> EmptyResult:
        session = session_in(context)
        if session is None:
            raise BadInput("A level is kept for a session, and this request names none; send the Mcp-Session-Id that 'initialize' gave.")
        await self._sessions.choose(session, params.level)
        return EmptyResult()
