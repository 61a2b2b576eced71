"""How long tests wait."""

from __future__ import annotations

# For what surely comes, as soon as it comes. Two cores that start a cluster beside this are many times slower than two that do not.
PATIENCE_S = 120.0
