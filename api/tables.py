"""All tables of the API, gathered for the migrations."""

from __future__ import annotations

from api.audit import tables as audit
from api.auth import tables as auth
from api.conversations import tables as conversations
from api.keys import tables as keys
from api.people import tables as people
from api.prompts import tables as prompts
from api.secrets import tables as secrets
from api.streams import tables as streams
from api.web.tables import Table

TABLES = (people, auth, keys, audit, secrets, prompts, conversations, streams)
metadata = Table.metadata
