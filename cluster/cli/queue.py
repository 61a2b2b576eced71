"""`hearth queue`: what is done later, and what could not be done. All of it goes through the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console
from cluster.errors import BadInput

queue_app = typer.Typer(help="See how the queue is doing, and replay what is dead.", no_args_is_help=True)

PATH = "integration/queues"
QueueOption = Annotated[str | None, typer.Option("--queue", help="Only those of this queue.", show_default=False)]
IdArgument = Annotated[str | None, typer.Argument(help="Id of the message, as `hearth queue dead` shows it.", show_default=False)]


@queue_app.command("stats")
def show_stats(home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show how many messages wait, are worked on, and are dead, and how long they waited."""
    found = Api(home_of(home), key_file).ask("GET", f"{PATH}/stats")
    if as_json:
        typer.echo(json.dumps(found))
        return
    columns = ("queue", "queued", "delayed", "running", "dead", "done/h", "oldest s", "wait p50 s", "wait p95 s")
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for queue in found["queues"]:
        counted = [str(queue[name]) for name in ("queue", "queued", "delayed", "running", "dead", "done_last_hour")]
        table.add_row(*counted, *(_seconds(queue[name]) for name in ("oldest_s", "wait_p50_s", "wait_p95_s")))
    result_console().print(table)
    typer.echo(f"{found['pending']} of at most {found['most_pending']} messages wait or are worked on.")


@queue_app.command("dead")
def list_dead(queue: QueueOption = None, home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show the messages that could not be done."""
    asked = {"queue": queue} if queue is not None else {}
    found = Api(home_of(home), key_file).pages(f"{PATH}/messages", state="dead", **asked)
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("id", "queue", "type", "tries", "since", "error", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for message in found:
        since = str(message["finished_at"])[:19]
        table.add_row(message["id"], message["queue"], message["type"], str(message["tries"]), since, message["error"] or "")
    result_console().print(table)


@queue_app.command("replay")
def replay(
    message_id: IdArgument = None,
    every: Annotated[bool, typer.Option("--all", help="All dead ones (of --queue), the oldest 10,000.")] = False,
    queue: QueueOption = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue a dead message again, or all of them."""
    if (message_id is None) != every:
        raise BadInput("Name the message, or say --all; one of them.")
    api = Api(home_of(home), key_file)
    if message_id is not None:
        api.ask("POST", f"{PATH}/messages/{message_id}/replay")
        found: dict[str, Any] = {"replayed": 1}
    else:
        asked: dict[str, Any] = {"limit": 10_000} | ({"queue": queue} if queue is not None else {})
        found = api.ask("POST", f"{PATH}/messages/replay", asked)
    typer.echo(json.dumps(found) if as_json else f"Replayed {found['replayed']} messages.")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
