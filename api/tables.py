"""All tables of the API, gathered for the migrations."""

from __future__ import annotations

from api.people import tables as people
from api.web.tables import Table

TABLES = (people,)
metadata = Table.metadata
