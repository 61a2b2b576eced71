"""`hearth graph run` and what else there is to do with runs. All of it goes through the HTTP API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.graph import graph_app
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console
from cluster.errors import BadInput, EngineError
from cluster.graphs.states import ENDED, RunState

__all__ = ["graph_app"]

PAGE = 200
# Where a run goes on only when a person does something.
STILL = frozenset({RunState.WAITING, RunState.PAUSED})
Run = dict[str, Any]
RunArgument = Annotated[str, typer.Argument(help="Id of the run, as `hearth graph runs` shows it.")]
InputsArgument = Annotated[
    list[str] | None, typer.Argument(help="Fields of the input, as key=value; a value that is no text is JSON.", show_default=False)
]
InputOption = Annotated[list[str] | None, typer.Option("--input", "-i", help="A field of the input, as key=value.", show_default=False)]
InputFileOption = Annotated[Path | None, typer.Option("--input-json", help="File with the input, a JSON object.", show_default=False)]
FileOption = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", help="key=PATH: the file goes into the run's workspace, its name into the input.", show_default=False),
]


@graph_app.command("run")
def run_graph(
    graph: Annotated[str, typer.Argument(help="Name, name@version or id of a graph or an agent.")],
    inputs: InputsArgument = None,
    input_fields: InputOption = None,
    input_json: InputFileOption = None,
    files: FileOption = None,
    model: Annotated[str | None, typer.Option("--model", help="Model for nodes that name none.", show_default=False)] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it ends or asks something, with a bar.")] = True,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a graph, and print what it gives."""
    api = Api(home_of(home), key_file)
    spec = api.ask("GET", f"workflows/definitions/{quote(graph.partition('@')[0], safe='')}")["spec"]
    given = _read_json(input_json) if input_json is not None else {}
    given |= dict(_field(told, spec["input"]) for told in [*(inputs or ()), *(input_fields or ())])
    run_id = str(uuid.uuid4())
    given |= _upload(api, run_id, files or ())
    body: dict[str, Any] = {"workflow": graph, "input": given, "run_id": run_id}
    run: Run = api.ask("POST", "workflows/execute", body | ({"model": model} if model else {}))
    if wait:
        run = follow_run(api, run["id"], len(spec["nodes"]))
    _tell(run, as_json)


@graph_app.command("runs")
def list_runs(
    state: Annotated[RunState | None, typer.Option("--state", help="Only those in this state.", show_default=False)] = None,
    graph: Annotated[str | None, typer.Option("--graph", help="Only those of this graph.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="How many, the newest first.")] = 50,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the runs of the organisation."""
    asked: dict[str, str | int] = {name: value for name, value in (("state", state), ("graph", graph)) if value is not None}
    runs = Api(home_of(home), key_file).ask("GET", "workflows/runs", None, limit=limit, **asked)["runs"]
    if as_json:
        typer.echo(json.dumps(runs))
        return
    table = Table("id", "graph", "state", "steps", "tokens", "created", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for run in runs:
        spent = run["spent"]
        table.add_row(run["id"], run["graph"], run["state"], str(spent["steps"]), f"{spent['tokens']:,}", run["created_at"][:19])
    result_console().print(table)


@graph_app.command("show")
def show_run(run_id: RunArgument, home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show one run: its steps, what it spent, what it waits for, what came of it."""
    run = Api(home_of(home), key_file).ask("GET", f"workflows/runs/{_id(run_id)}")
    if as_json:
        typer.echo(json.dumps(run))
        return
    table = Table("step", "kind", "state", "model", "tokens", "result", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for step in run["steps"]:
        said = step["error"] or ("" if step["result"] is None else json.dumps(step["result"], ensure_ascii=False))
        tokens = step["prompt_tokens"] + step["completion_tokens"]
        table.add_row(step["key"], step["kind"], step["state"], step["model"] or "", f"{tokens:,}", said[:80])
    result_console().print(table)
    _tell(run, as_json)


@graph_app.command("answer")
def answer_run(
    run_id: RunArgument,
    answer: Annotated[str, typer.Argument(help="What is said: JSON, else a text. `true` or `false` where a tool is to be approved.")],
    node: Annotated[str | None, typer.Option("--node", help="What is answered, of several things.", show_default=False)] = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Answer what a run waits for."""
    body = {"answer": _value(answer, {}), **({"node": node} if node else {})}
    run = Api(home_of(home), key_file).ask("POST", f"workflows/runs/{_id(run_id)}/answer", body)
    typer.echo(f"{run['id']} is {run['state']}.")


@graph_app.command("cancel")
def cancel_run(run_id: RunArgument, home: HomeOption = None, key_file: KeyFileOption = None) -> None:
    """Cancel a run."""
    run = Api(home_of(home), key_file).ask("POST", f"workflows/runs/{_id(run_id)}/cancel")
    typer.echo(f"{run['id']} is {'stopping' if run['stopping'] else run['state']}.")


@graph_app.command("retry")
def retry_run(
    run_id: RunArgument,
    node: Annotated[str | None, typer.Option("--node", help="Node to begin at; else the one that failed.", show_default=False)] = None,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Let a run that has failed or was cancelled go on."""
    run = Api(home_of(home), key_file).ask("POST", f"workflows/runs/{_id(run_id)}/retry", {"node": node})
    typer.echo(f"{run['id']} is {run['state']}.")


def follow_run(api: Api, run_id: str, nodes: int) -> Run:
    """The run when it has ended or waits for a person; a bar of its steps meanwhile (on standard error of a terminal)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn())
    done = 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("queued", total=nodes)
        for event in api.events(f"workflows/runs/{run_id}/events"):
            if event["type"] == "step":
                done += event.get("state") in ("succeeded", "skipped")
                bar.update(task, description=f"{event['node']} {event['state']}", completed=done, total=max(nodes, done))
            elif event["type"] == "state":
                bar.update(task, description=event["state"])
                if event["state"] in STILL:
                    waiting: Run = api.ask("GET", f"workflows/runs/{run_id}")
                    if _is_asked(waiting):
                        return waiting
    found: Run = api.ask("GET", f"workflows/runs/{run_id}")
    return found


def _is_asked(run: Run) -> bool:
    asked = any(one["kind"] != "time" for one in run["pending"])
    return run["state"] == RunState.PAUSED or (run["state"] == RunState.WAITING and asked)


def _tell(run: Run, as_json: bool) -> None:
    """What came of it. Raises EngineError where it did not succeed."""
    if as_json:
        typer.echo(json.dumps(run))
    elif run["state"] == RunState.SUCCEEDED:
        typer.echo(json.dumps(run["output"], ensure_ascii=False, indent=2))
    elif run["state"] not in ENDED:
        typer.echo(f"{run['id']} is {run['state']}.")
        for one in run["pending"]:
            if one["kind"] != "time":
                typer.echo(f"It asks: {one['ask']}\nAnswer with: hearth graph answer {run['id']} '<answer>' --node '{one['node']}'")
    if run["state"] in ENDED and run["state"] != RunState.SUCCEEDED:
        reason = run["error"] or "it was cancelled"
        raise EngineError(f"The run is {run['state']}: {reason}; `hearth graph retry {run['id']}` lets it go on where it was.")


def _upload(api: Api, run_id: str, files: Sequence[str]) -> dict[str, str]:
    """Names of the files in the workspace, by the key that they were given under."""
    named: dict[str, str] = {}
    for told in files:
        key, separator, path = told.partition("=")
        file = Path(path).expanduser()
        if not separator or not file.is_file():
            raise BadInput(f"'--file {told}' names no file; write it as key=PATH.")
        api.put(f"workspaces/run-{run_id}/files/{quote(file.name)}", file)
        named[key] = file.name
    return named


def _field(told: str, schema: dict[str, Any]) -> tuple[str, Any]:
    key, separator, text = told.partition("=")
    if not separator or not key:
        raise BadInput(f"'{told}' is no field of an input; write it as key=value.")
    return key, _value(text, schema.get("properties", {}).get(key, {}))


def _value(text: str, schema: dict[str, Any]) -> Any:
    """A text where the schema wants one, and where it is no JSON."""
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read as JSON: {error}.") from None
    if not isinstance(value, dict):
        raise BadInput(f"{file}: an input is a JSON object.")
    return value


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise BadInput(f"'{text}' is no id of a run; `hearth graph runs` shows them.") from None
