"""A real MCP server: ``python good.py`` over stdio, ``python good.py PORT`` over streamable HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel

server = MCPServer("good", log_level="ERROR")


class Sum(BaseModel):
    total: int


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def add(a: int, b: int) -> Sum:
    """Adds two numbers."""
    return Sum(total=a + b)


@server.tool()
def say(text: str) -> str:
    """Gives a text back."""
    return text


@server.tool(structured_output=False)
def picture() -> Image:
    """A picture."""
    return Image(data=b"\x89PNG\r\n\x1a\npicture", format="png")


@server.tool()
def surroundings(ctx: Context) -> dict[str, str]:
    """What the server was given."""
    headers = {name: value for name, value in (ctx.headers or {}).items() if name.startswith("x-")}
    given = {name: value for name, value in os.environ.items() if name.isupper()}
    return {**headers, **given, "cwd": str(Path.cwd()), "pid": str(os.getpid())}


@server.tool()
def refuse() -> str:
    """Fails."""
    raise ToolError("It cannot be done.")


@server.tool()
async def wait(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "done"


@server.tool(name="odd name/with.signs")
def odd() -> str:
    """Has an odd name."""
    return "odd"


@server.tool()
async def grow(ctx: Context) -> str:
    """Adds a tool."""

    def more() -> str:
        """Was added."""
        return "more"

    server.add_tool(more)
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "grown"


@server.tool()
def die() -> str:
    """Ends the server."""
    os._exit(3)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdecimal():
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
