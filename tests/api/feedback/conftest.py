from __future__ import annotations

import pytest
from fastapi import FastAPI

from api.feedback import endpoints as feedback
from cluster.fakes.gateway import FakeGateway
from cluster.settings import FeedbackSettings, Settings
from cluster.stores.clients import StoreClients
from tests.api.feedback.saying import Saying
from tests.api.fixtures.talking import Person, talking_app
from tests.api.fixtures.talking import gateway as gateway
from tests.api.fixtures.talking import mira as mira
from tests.api.fixtures.talking import person as person
from tests.api.fixtures.talking import stranger as stranger
from tests.api.fixtures.talking import talking_settings as talking_settings

SMALL = FeedbackSettings(text_chars=200, comment_chars=100, shown_chars=300, stats_rows=4)


@pytest.fixture
async def app(gateway: FakeGateway, talking_settings: Settings, stores: StoreClients) -> FastAPI:
    made = talking_app(gateway, talking_settings.model_copy(update={"feedback": SMALL}), stores)
    made.include_router(feedback.router)
    return made


@pytest.fixture
async def saying(mira: Person, stores: StoreClients) -> Saying:
    """Mira, who can be answered, and says what she thinks of it."""
    return Saying(mira, stores)
