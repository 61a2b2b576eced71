"""Which operations the API has: the router of every feature, and what the docs say of each group."""

from __future__ import annotations

from itertools import chain

from starlette.routing import BaseRoute

from api.active_learning import endpoints as active_learning
from api.adapters import endpoints as adapters
from api.agents import endpoints as agents
from api.agents import task_endpoints as tasks
from api.agents import type_endpoints as agent_types
from api.audit import endpoints as audit
from api.auth import endpoints as auth
from api.batches import endpoints as batches
from api.chat import endpoints as chat
from api.completions import endpoints as completions
from api.connectors import endpoints as connectors
from api.content import endpoints as content
from api.conversations import endpoints as conversations
from api.datasets import endpoints as datasets
from api.direct import endpoints as direct
from api.documents import endpoints as documents
from api.drafts import endpoints as drafts
from api.embeddings import endpoints as embeddings
from api.feedback import endpoints as feedback
from api.files import endpoints as files
from api.fine_tuning import endpoints as fine_tuning
from api.fine_tuning import openai_endpoints as openai_fine_tuning
from api.flags import endpoints as flags
from api.gate import endpoints as gate
from api.health import endpoints as health
from api.jobs import endpoints as jobs
from api.jobs import log_endpoints as logs
from api.keys import endpoints as keys
from api.knowledge import endpoints as knowledge
from api.langgraph import endpoints as langgraph
from api.learning import endpoints as learning
from api.limits import endpoints as limits
from api.mcp import endpoints as mcp
from api.mcp_chat import endpoints as mcp_chat
from api.mcp_servers import back_endpoints as mcp_logins
from api.mcp_servers import endpoints as mcp_servers
from api.models import endpoints as models
from api.outgoing import endpoints as outgoing
from api.people import endpoints as people
from api.people.teams import endpoints as teams
from api.performance import endpoints as performance
from api.prompts import endpoints as prompts
from api.providers import endpoints as providers
from api.queue import endpoints as queue
from api.releases import endpoints as releases
from api.rerank import endpoints as rerank
from api.retrieval import endpoints as retrieval
from api.secrets import endpoints as secrets
from api.semantic import endpoints as semantic
from api.streams import endpoints as streams
from api.tools import choice_endpoints as tool_choices
from api.tools import endpoints as tools
from api.transcriptions import endpoints as transcriptions
from api.usage import endpoints as usage
from api.vision import endpoints as vision
from api.webhooks import endpoints as webhooks
from api.webhooks import hook_endpoints as hooks
from api.workflows import endpoints as workflows
from api.workflows import run_endpoints as runs
from api.workflows import socket_endpoints as run_sockets
from api.workspaces import endpoints as workspaces

_ROUTERS = (
    chat.router,
    completions.router,
    embeddings.router,
    rerank.router,
    transcriptions.router,
    vision.router,
    models.router,
    adapters.router,
    releases.router,
    providers.router,
    *conversations.routers,
    *streams.routers,
    *drafts.routers,
    *direct.routers,
    *mcp_chat.routers,
    *prompts.routers,
    feedback.router,
    *semantic.routers,
    *knowledge.routers,
    *active_learning.routers,
    documents.router,
    files.router,
    batches.router,
    datasets.router,
    openai_fine_tuning.router,
    fine_tuning.router,
    retrieval.router,
    outgoing.router,
    connectors.router,
    content.router,
    queue.router,
    hooks.router,
    webhooks.router,
    workflows.router,
    runs.router,
    run_sockets.router,
    agents.router,
    agent_types.router,
    tasks.router,
    *langgraph.routers,
    mcp.router,
    tool_choices.router,
    tools.router,
    mcp_logins.router,
    mcp_servers.router,
    workspaces.router,
    gate.router,
    learning.router,
    performance.router,
    jobs.router,
    logs.router,
    auth.router,
    people.router,
    people.organisations_router,
    teams.router,
    keys.router,
    secrets.router,
    *flags.routers,
    limits.router,
    usage.router,
    audit.router,
    health.router,
)
# As they are, not by include_router: that makes each of them anew, which takes seconds on an old processor.
ROUTES: list[BaseRoute] = list(chain.from_iterable(router.routes for router in _ROUTERS))
TAGS = [
    {"name": "chat", "description": "One answer to a list of messages, in OpenAI's shape. Nothing is kept."},
    {"name": "completions", "description": "Raw text continuation, in OpenAI's shape."},
    {"name": "embeddings", "description": "Texts as vectors, in OpenAI's shape."},
    {"name": "rerank", "description": "Texts by how well they answer a question, in Jina's and Cohere's shape."},
    {"name": "audio", "description": "Speech to text."},
    {"name": "vision", "description": "Images as vectors, and the text in images."},
    {"name": "models", "description": "What is served, where, and in which state."},
    adapters.TAG,
    releases.TAG,
    {"name": "providers", "description": "Models that others serve, and how those others are."},
    {"name": "conversations", "description": "What was said, with branches, people and links; and quick answers without one."},
    {"name": "streams", "description": "Answers that are prepared, then read: a reload or a crash loses nothing."},
    {"name": "prompts", "description": "System prompts with versions and variables, matched to models."},
    documents.TAG,
    files.TAG,
    batches.TAG,
    datasets.TAG,
    fine_tuning.TAG,
    retrieval.TAG,
    outgoing.TAG,
    connectors.TAG,
    content.TAG,
    queue.TAG,
    webhooks.TAG,
    {"name": "workflows", "description": "Graphs of steps: kept in versions, checked, drawn, run, and followed."},
    {"name": "agents", "description": "Models with instructions, tools and documents, and the kinds of them that come with Hearth."},
    {"name": "tasks", "description": "Work handed to an agent or a graph."},
    langgraph.TAG,
    mcp.TAG,
    tools.TAG,
    mcp_servers.TAG,
    workspaces.TAG,
    gate.TAG,
    learning.TAG,
    performance.TAG,
    jobs.TAG,
    semantic.TAG,
    feedback.TAG,
    knowledge.TAG,
    active_learning.TAG,
    {"name": "auth", "description": "Signing in, here or at an OpenID Connect issuer."},
    {"name": "users", "description": "Who belongs to the organisation, and what they may do."},
    {"name": "organisations", "description": "The organisation, and changing between several."},
    {"name": "teams", "description": "Groups of users."},
    {"name": "keys", "description": "API keys: made, limited, rotated, revoked."},
    {"name": "secrets", "description": "Values kept encrypted, such as the keys of providers."},
    flags.TAG,
    {"name": "limits", "description": "How much may be asked, by key, user and organisation, and what is left."},
    {"name": "usage", "description": "What was asked, and what it cost."},
    {"name": "audit", "description": "Who did what, to what, and from where."},
    {"name": "health", "description": "For whoever watches the service."},
]
