"""All tables of the API, gathered for the migrations."""

from __future__ import annotations

from api.audit import tables as audit
from api.auth import tables as auth
from api.conversations import tables as conversations
from api.flags import tables as flags
from api.keys import tables as keys
from api.knowledge import tables as items
from api.langgraph import tables as threads
from api.limits import tables as limits
from api.people import tables as people
from api.semantic import tables as semantic
from api.streams import tables as streams
from api.usage import tables as usage
from cluster.batches import tables as batches
from cluster.connectors import tables as connectors
from cluster.content import tables as contents
from cluster.graphs import checkpoint_tables as checkpoints
from cluster.graphs import table as graphs
from cluster.jobs import table as jobs
from cluster.knowledge import tables as knowledge
from cluster.learning.adapters import table as adapters
from cluster.learning.datasets import tables as datasets
from cluster.learning.feedback import table as feedback
from cluster.learning.gate import table as gate
from cluster.learning.labels import table as labels
from cluster.learning.releases import table as releases
from cluster.optimising import table as optimising
from cluster.outgoing import tables as outgoing
from cluster.prompts import tables as prompts
from cluster.queue import tables as queue
from cluster.secrets import tables as secrets
from cluster.stores.tables import Table
from cluster.tools import tables as tools
from cluster.webhooks import tables as webhooks

TABLES = (
    people,
    auth,
    keys,
    audit,
    secrets,
    prompts,
    conversations,
    streams,
    usage,
    limits,
    jobs,
    knowledge,
    batches,
    items,
    semantic,
    outgoing,
    connectors,
    contents,
    flags,
    graphs,
    checkpoints,
    tools,
    threads,
    queue,
    webhooks,
    feedback,
    datasets,
    adapters,
    releases,
    labels,
    gate,
    optimising,
)
metadata = Table.metadata
