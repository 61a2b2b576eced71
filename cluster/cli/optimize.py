"""`hearth optimize`: whether other settings are better here. All of it goes through the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console

PATH = "performance"


def optimize(
    optimiser: Annotated[
        list[str] | None, typer.Argument(help="parallel, context, batch, residency (default: all).", show_default=False)
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Only this model; may be given several times.", show_default=False)
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Have what is better in force; it goes back if it is worse in service.")] = False,
    window: Annotated[bool, typer.Option("--window", help="Measure with what is served, now, because that disturbs nobody.")] = False,
    revert: Annotated[str | None, typer.Option("--revert", help="Instead, take a change back: <id of the optimisation>.<number>.")] = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure whether other settings are better, show why, and have them in force on request."""
    api = Api(home_of(home), key_file)
    if revert is not None:
        optimisation, _, number = revert.rpartition(".")
        found = api.ask("POST", f"{PATH}/optimizations/{optimisation}/revert", {"change": int(number) if number.isdecimal() else None})
    else:
        asked = {"optimisers": optimiser or None, "models": model or None, "apply": apply, "measure": "window" if window else "idle"}
        found = api.ask("POST", f"{PATH}/optimize", asked)
    _follow(api, found["job_id"], shown=not as_json)
    found = api.ask("GET", f"{PATH}/optimizations/{found['id']}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _tell(found)
    if found["state"] != "succeeded":
        raise typer.Exit(1)


def _follow(api: Api, job_id: str, *, shown: bool) -> None:
    """Until the job has ended."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=result_console(), transient=True, disable=not shown) as bar:
        task = bar.add_task("waiting", total=None)
        for event in api.events(f"jobs/{job_id}/events"):
            if event["type"] == "progress":
                bar.update(task, description=event["stage"] or "waiting", completed=event["done"], total=event["total"])


def _tell(found: dict[str, Any]) -> None:
    for change in found["changes"]:
        typer.echo(f"{change['optimiser']} {change['subject']}: {change['state']}")
        for line in (change["reason"], change["how"]):
            if line:
                typer.echo(f"  {line}")
        if change["state"] == "proposed":
            typer.echo(f"  To have it: `hearth optimize {change['optimiser']} --model {change['subject']} --apply`.")
        if change["state"] in {"applied", "waiting"}:
            typer.echo(f"  To take it back: `hearth optimize --revert {found['id']}.{change['number']}`.")
    for line in (*found["notes"], *([found["error"]] if found["error"] else [])):
        typer.echo(line)
