"""The base of tables, as the folders of this room know it; it stands on the ground floor, where the jobs' tables need it too."""

from __future__ import annotations

from cluster.stores.tables import NAMES, Identified, Owned, Table

__all__ = ["NAMES", "Identified", "Owned", "Table"]
