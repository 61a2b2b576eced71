"""How an agent is made, as people are told: what the page shows is what the code takes."""

from __future__ import annotations

import json
import re

from api.agents.documentation import how_to_make_one
from api.agents.schemas import AgentBody
from api.conversations.schemas import ConversationBody
from api.drafts.schemas import SaveBody
from api.routing import ROUTES
from api.streams.schemas import PrepareBody
from cluster.graphs.agents import AgentSpec
from cluster.graphs.composing import SOURCES, STEPS, WorkflowPlan

PAGE = how_to_make_one()


def shown(behind: str) -> str:
    """The first JSON that stands behind these words."""
    return str(re.findall(r"\{[^{}]*\}", PAGE.split(behind, 1)[1].replace("{id}", ""))[0])


def test_every_field_of_an_agent_and_of_a_composed_workflow_is_listed():
    for name in (*AgentSpec.model_fields, *WorkflowPlan.model_fields, *SOURCES, *STEPS):
        assert f"| {name} |" in PAGE
    assert "{" + "fields" + "}" not in PAGE


def test_what_is_sent_in_it_is_taken():
    assert AgentBody.model_validate_json(shown("```json")).name == "helper"
    assert ConversationBody.model_validate_json(shown("POST /api/v1/chat/conversations` with")).type == "agent_creation"
    prepare = json.loads(shown("prepare-stream` with"))
    assert PrepareBody.model_validate(prepare | {"model": "nano-llm"}).content
    assert set(json.loads(shown("draft/save` with"))) == {name for name, field in SaveBody.model_fields.items() if field.is_required()}


def test_every_address_in_it_is_one_of_the_api():
    known = {
        (method, re.sub(r"\{\w+\}", "{id}", getattr(route, "path", ""))) for route in ROUTES for method in getattr(route, "methods", ())
    }
    told = re.findall(r"`(GET|POST|PUT) (/[\w./{}-]+)`", PAGE)
    assert len(told) >= 10
    assert {(method, path) for method, path in told if (method, path) not in known} == set()
