"""The least role that each operation is for. A new operation has to be added to one of the ``tables``."""

from __future__ import annotations

from pathlib import Path

from tests.api.fixtures.application import operations

TABLES = sorted((Path(__file__).parent / "tables").glob("*.txt"))
LINES = [line for table in TABLES for line in table.read_text().splitlines()]
LEAST = {(method.lower(), path): who for who, method, path in map(str.split, LINES)}
OPERATIONS = operations()
KEYED = [found for found in OPERATIONS if LEAST.get((found[1], found[0])) != "public"]
