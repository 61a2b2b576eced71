"""Commands are loaded when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from cluster.cli.commands import COMMANDS, Commands
from cluster.cli.main import app


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_it_is_said_to_be_and_says_what_it_does(name: str):
    command = Commands()[name]
    assert command.name == name
    assert command.help


def test_a_group_of_one_command_is_a_group():
    commands = Commands()
    assert isinstance(commands["secrets"], TyperGroup)
    assert set(getattr(commands["token"], "commands", ())) == {"get", "rotate-keys"}


def test_a_misspelt_command_is_told_the_nearest():
    told = CliRunner().invoke(app, ["statsu"])
    assert told.exit_code == 2
    assert "status" in told.output


def test_a_small_command_waits_for_nothing_heavy():
    program = "import sys, cluster.cli.main, cluster.cli.status, cluster.cli.ingest; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True).stdout.split()
    assert not {"ray", "pandas", "sqlalchemy", "gguf", "scipy"} & set(loaded)
