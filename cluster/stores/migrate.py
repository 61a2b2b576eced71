"""Brings the database to the shape that the code expects, and makes the first admin. Both stand in ``api``, beside the tables."""

from __future__ import annotations

from cluster.settings import Settings
from cluster.stores.upstairs import run_module


def migrate(settings: Settings, revision: str = "head") -> None:
    """Runs ``python -m api.migrations`` in a process of its own. Raises EngineError with its last words."""
    run_module(settings, "api.migrations", revision, otherwise="The database could not be brought up to date")


def ensure_admin(settings: Settings) -> None:
    """Makes an organisation, its admin and one API key (``Home.admin_key``) where there is no organisation yet. Raises EngineError."""
    run_module(settings, "api.people.first", otherwise="The first admin could not be made")
