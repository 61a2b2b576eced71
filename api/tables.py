"""All tables of the API, gathered for the migrations."""

from __future__ import annotations

from api.audit import tables as audit
from api.auth import tables as auth
from api.keys import tables as keys
from api.people import tables as people
from api.secrets import tables as secrets
from api.web.tables import Table

TABLES = (people, auth, keys, audit, secrets)
metadata = Table.metadata
