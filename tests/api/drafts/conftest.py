from __future__ import annotations

import pytest
from fastapi import FastAPI

from cluster.fakes.tools import FakeTools
from cluster.settings import ConversationSettings, Settings
from cluster.tools.builtin import BUILTIN
from cluster.tools.tool import ToolResult
from tests.api.fixtures.talking import app as app
from tests.api.fixtures.talking import gateway as gateway
from tests.api.fixtures.talking import mira as mira
from tests.api.fixtures.talking import person as person


@pytest.fixture
def talking_settings(store_settings: Settings) -> Settings:
    """A lease that a slow machine does not lose: a draft that is written twice asks its model twice."""
    return store_settings.model_copy(update={"conversations": ConversationSettings(keepalive_s=0.2)})


@pytest.fixture
def tools(app: FastAPI) -> FakeTools:
    """Those of Hearth by name too; nobody calls them."""
    toolbox = app.state.graphs.toolbox
    assert isinstance(toolbox, FakeTools)

    async def nothing(*_: object) -> ToolResult:
        return ToolResult(None, "")

    for tool in BUILTIN:
        toolbox.add(tool.spec, nothing)
    return toolbox
