"""The commands by name, each loaded when it is asked for: some need Ray Serve or a benchmark's tools, and `hearth status` should not wait
for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Command

HERE = "cluster.cli"
# In the order of `hearth --help`: the module below cluster/cli, and the function or group in it.
COMMANDS = {
    "up": "up.up",
    "down": "down.down",
    "status": "status.status",
    "plan": "plan.plan",
    "models": "models.models_app",
    "user": "people.user_app",
    "key": "people.key_app",
    "token": "secrets.token_app",  # which adds to that of people
    "secrets": "secrets.secrets_app",
    "ingest": "ingest.ingest",
    "jobs": "jobs.jobs_app",
    "queue": "queue.queue_app",
    "mcp": "mcp.mcp",
    "graph": "graph_runs.graph_app",  # which adds to that of graph
    "gate": "gate.gate_app",
    "optimize": "optimize.optimize",
    "learn": "learn.learn_app",
    "usage": "usage.usage",
    "backup": "backup.backup",
    "restore": "backup.restore",
    "doctor": "doctor.doctor",
    "logs": "logs.logs",
    "bench": "bench.bench_app",
    "test": "check.test",
    "lint": "check.lint",
}
# Everything after these words belongs to another program.
PASSED_ON = frozenset({"test"})


class Commands(MutableMapping[str, "Command"]):
    """Looks like a dict of commands, and imports one when it is read."""

    def __init__(self) -> None:
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            self._loaded[name] = _load(name, COMMANDS[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Hearth(TyperGroup):
    """The root of the command line."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = Commands()


def _load(name: str, place: str) -> Command:
    module, _, attribute = place.partition(".")
    found = getattr(import_module(f"{HERE}.{module}"), attribute)
    command: Command = typer.main.get_group(found) if isinstance(found, typer.Typer) else _single(name, found)
    command.name = name
    return command


def _single(name: str, function: Callable[..., None]) -> Command:
    words = {"allow_extra_args": True, "ignore_unknown_options": True} if name in PASSED_ON else None
    alone = typer.Typer(add_completion=False)
    alone.command(name, context_settings=words)(function)
    return typer.main.get_command(alone)
