"""What an MCP client is told when something goes wrong: our own sentences, and nothing of what is inside."""

from __future__ import annotations

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ErrorData
from pydantic import ValidationError

from api.web.errors import public
from cluster.errors import BadInput, HearthError, NotFound

# Of JSON-RPC's range for servers; Forbidden and the rest that is known have no code of their own in the protocol.
REFUSED = -32003
CANCELLED = -32800


def error_of(error: HearthError) -> ErrorData:
    """``error`` as JSON-RPC has it; its name among ours stands in the data."""
    code = INVALID_PARAMS if isinstance(error, BadInput | NotFound) else INTERNAL_ERROR if error.status >= 500 else REFUSED
    return ErrorData(code=code, message=error.message, data={"code": error.code})


async def tell_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware of the server: whatever is not the protocol's own error becomes one."""
    try:
        return await call_next(ctx)
    except (MCPError, ValidationError):
        raise
    except Exception as error:  # noqa: BLE001 - it is logged, and told as far as the caller may know it
        raise MCPError.from_error_data(error_of(public(error))) from None
