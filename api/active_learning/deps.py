"""What the endpoints of active learning are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.active_learning.campaigns import LabelCampaigns, LabelFiles
from api.active_learning.labelling import Labelling
from api.active_learning.selecting import Selecting
from api.semantic.deps import WithAsking
from api.web.deps import WithParts, WithSession
from api.web.principal import AsEditor, AsViewer


async def selecting(asks: WithAsking, who: AsEditor) -> Selecting:
    return Selecting(asks, who)


async def readable(parts: WithParts, session: WithSession, who: AsViewer) -> LabelCampaigns:
    return LabelCampaigns(session, who, parts.settings.active_learning)


async def writable(parts: WithParts, session: WithSession, who: AsEditor) -> LabelCampaigns:
    return LabelCampaigns(session, who, parts.settings.active_learning)


async def files(parts: WithParts, who: AsEditor) -> LabelFiles:
    return LabelFiles(parts.stores.database, who, parts.settings.active_learning)


async def labelling(parts: WithParts, session: WithSession, who: AsViewer) -> Labelling:
    return Labelling(session, who, parts.settings.active_learning)


WithSelecting = Annotated[Selecting, Depends(selecting)]
Reading = Annotated[LabelCampaigns, Depends(readable)]
Writing = Annotated[LabelCampaigns, Depends(writable)]
WithFiles = Annotated[LabelFiles, Depends(files)]
WithLabelling = Annotated[Labelling, Depends(labelling)]
