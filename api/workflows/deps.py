"""The services of graphs, for whoever asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.audit.trail import WithOrigin
from api.web.principal import AsViewer
from api.workflows.executing import Executing
from api.workflows.install import WithGraphs


async def executing(graphs: WithGraphs, who: AsViewer, origin: WithOrigin) -> Executing:
    return Executing(graphs, who, origin)


WithExecuting = Annotated[Executing, Depends(executing)]
