"""`hearth gate`: adapters before they go into service. All of it goes through the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console

gate_app = typer.Typer(help="Examine adapters, and decide what goes into service.", no_args_is_help=True)

PATH = "gate"
CandidateArgument = Annotated[str, typer.Argument(help="The adapter, as <base>:<adapter>.", show_default=False)]
IdArgument = Annotated[str, typer.Argument(help="Id of the verdict, as `hearth gate list` shows it.", show_default=False)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept beside the verdict.", show_default=False)]


@gate_app.command("evaluate")
def evaluate(
    candidate: CandidateArgument,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Name or id of a dataset: what it holds out is asked.")] = None,
    held_out: Annotated[str | None, typer.Option("--held-out", help="Instead, id of an uploaded file with the task's items.")] = None,
    incumbent: Annotated[str | None, typer.Option("--incumbent", help="Whom it is compared with (default: what is in service).")] = None,
    gate: Annotated[str, typer.Option("--gate", help="Name of the gate.")] = "default",
    follow: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the verdict.")] = True,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have an adapter examined. Ends with 1 unless it passed."""
    api = Api(home_of(home), key_file)
    asked = {"candidate": candidate, "incumbent": incumbent, "gate": gate, "dataset": dataset, "held_out_file": held_out}
    found = api.ask("POST", f"{PATH}/evaluate", asked)
    if follow:
        for event in api.events(f"jobs/{found['job_id']}/events"):
            if not as_json and event["type"] == "progress":
                typer.echo(f"{event['stage']}: {event['done']} of {event['total'] or '?'} {event['unit']}", err=True)
        found = api.ask("GET", f"{PATH}/verdicts/{found['id']}")
    _tell(found, as_json)
    if follow and found["outcome"] != "passed":
        raise typer.Exit(1)


@gate_app.command("list")
def list_verdicts(
    candidate: Annotated[str | None, typer.Option("--candidate", help="Only those of this adapter.")] = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the verdicts of your organisation."""
    asked = {"candidate": candidate} if candidate is not None else {}
    found = Api(home_of(home), key_file).pages(f"{PATH}/verdicts", "verdicts", **asked)
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("id", "candidate", "incumbent", "gate", "verdict", "decision", "since", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for one in found:
        decided = one["decision"]["decision"] if one["decision"] else ""
        told = (one["id"], one["candidate"], one["incumbent"], one["gate"], one["outcome"] or one["state"], decided)
        table.add_row(*told, str(one["created_at"])[:19])
    result_console().print(table)


@gate_app.command("show")
def show(verdict_id: IdArgument, home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show one verdict with its reasons."""
    _tell(Api(home_of(home), key_file).ask("GET", f"{PATH}/verdicts/{verdict_id}"), as_json)


@gate_app.command("approve")
def approve(
    verdict_id: IdArgument, reason: ReasonOption, home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """Let a candidate into service, whatever the verdict is."""
    _decide(Api(home_of(home), key_file), verdict_id, "approve", reason, as_json)


@gate_app.command("reject")
def reject(
    verdict_id: IdArgument, reason: ReasonOption, home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """Keep a candidate out of service, whatever the verdict is."""
    _decide(Api(home_of(home), key_file), verdict_id, "reject", reason, as_json)


def _decide(api: Api, verdict_id: str, decision: str, reason: str, as_json: bool) -> None:
    _tell(api.ask("POST", f"{PATH}/verdicts/{verdict_id}/decision", {"decision": decision, "reason": reason}), as_json)


def _tell(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"{found['candidate']} against {found['incumbent']} ({found['gate']}): {found['outcome'] or found['state']}")
    for line in (*found["reasons"], *([found["error"]] if found["error"] else [])):
        typer.echo(f"  {line}")
    if found["decision"]:
        decided = found["decision"]
        told = ", against the verdict" if decided["overrides"] else ""
        typer.echo(f"  {decided['decision']} by {decided['name'] or 'somebody who was erased'}{told}: {decided['reason']}")
    typer.echo(f"  {found['id']}")
