"""`hearth usage`: what was used, by whom or which model, and what it cost. It goes through the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console
from cluster.errors import BadInput

COUNTS = ("requests", "input_tokens", "output_tokens", "cached_tokens", "audio_seconds", "images", "cost")
Grouping = Literal["day", "model", "user", "key"]


def usage(
    group_by: Annotated[Grouping, typer.Option("--by", help="What is added up.")] = "day",
    first: Annotated[
        str | None, typer.Option("--from", help="First day, as 2026-11-01 (default: 30 days ago).", show_default=False)
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included (default: today).", show_default=False)] = None,
    email: Annotated[str | None, typer.Option("--user", help="E-mail of one user.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option("--model", help="Id of one model.", show_default=False)] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV file with a line for each day, user, key and model.")] = False,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was used, and what it cost."""
    if as_csv and as_json:
        raise BadInput("Choose one of --csv and --json.")
    api = Api(home_of(home), key_file)
    asked = {"from": first, "to": last, "user_id": api.user_id(email) if email else None, "model": model}
    query: dict[str, str | int] = {name: value for name, value in asked.items() if value is not None}
    if as_csv:
        typer.echo(api.text("usage/export", **query), nl=False)
        return
    report = api.ask("GET", "usage", None, group_by=group_by, **query)
    if as_json:
        typer.echo(json.dumps(report))
        return
    _show(report, _names(api, group_by))


def _names(api: Api, group_by: Grouping) -> dict[str, str]:
    """What people call the ids in the first column."""
    if group_by == "user":
        return {str(user["id"]): str(user["email"]) for user in api.users()}
    if group_by == "key":
        return {str(key["id"]): str(key["name"]) for key in api.ask("GET", "keys")}
    return {}


def _show(report: dict[str, Any], names: dict[str, str]) -> None:
    table = Table(report["group_by"], box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in COUNTS:
        table.add_column(f"cost, {report['currency']}" if name == "cost" else name.replace("_", " "), justify="right")
    for group in report["groups"]:
        known = group["group"]
        table.add_row(names.get(known, known) if known else "signed in", *_cells(group))
    table.add_row("all", *_cells(report["total"]), style="bold")
    result_console().print(table)


def _cells(amounts: dict[str, Any]) -> list[str]:
    return [f"{amounts[name]:.4f}" if name == "cost" else f"{amounts[name]:,g}" for name in COUNTS]
