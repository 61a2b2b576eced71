"""The migrations make exactly the tables of the code, and go back to nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from api.migrations.__main__ import configuration, go
from api.tables import metadata
from cluster.settings import Settings
from cluster.stores.urls import database_url


@pytest.fixture
def empty_database(store_settings: Settings) -> Iterator[str]:
    """The address of a database of this test's own."""
    shared, name = database_url(store_settings), f"t{uuid.uuid4().hex}"
    engine = create_engine(shared, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield shared.replace("/hearth?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def test_an_empty_database_becomes_what_the_code_expects(empty_database: str) -> None:
    go(empty_database, "head")
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    engine.dispose()


def test_a_second_run_changes_nothing(empty_database: str) -> None:
    go(empty_database, "head")
    go(empty_database, "head")


def test_every_step_can_be_taken_back_and_again(empty_database: str) -> None:
    go(empty_database, "head")
    go(empty_database, "base")
    engine = create_engine(empty_database)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    go(empty_database, "head")


def test_there_is_one_line_of_steps(empty_database: str) -> None:
    assert len(ScriptDirectory.from_config(configuration(empty_database)).get_heads()) == 1
