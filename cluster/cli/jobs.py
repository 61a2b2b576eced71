"""`hearth jobs`: what takes time, and how far it is. All of it goes through the HTTP API."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console
from cluster.errors import EngineError
from cluster.jobs.states import ENDED, JobState

jobs_app = typer.Typer(help="See, follow, cancel and retry jobs.", no_args_is_help=True)

LOOK_S = 1.0
PAGE = 500
Job = dict[str, Any]
JobArgument = Annotated[str, typer.Argument(help="Id of the job, as `hearth jobs list` shows it.")]


@jobs_app.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option("--state", help="Only those in this state.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only those of this kind.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="How many, the newest first.")] = 50,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the jobs of the organisation."""
    asked: dict[str, str | int] = {name: value for name, value in (("state", state), ("kind", kind)) if value is not None}
    jobs = Api(home_of(home), key_file).ask("GET", "jobs", None, limit=limit, **asked)["jobs"]
    if as_json:
        typer.echo(json.dumps(jobs))
        return
    table = Table("id", "kind", "state", "progress", "attempt", "created", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for job in jobs:
        table.add_row(job["id"], job["kind"], _state(job), _progress(job), str(job["attempt"]), job["created_at"][:19])
    result_console().print(table)


@jobs_app.command("show")
def show_job(job_id: JobArgument, home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show one job: what was asked for, how it stands, what came of it."""
    _show(Api(home_of(home), key_file).ask("GET", f"jobs/{job_id}"), as_json)


@jobs_app.command("cancel")
def cancel_job(job_id: JobArgument, home: HomeOption = None, key_file: KeyFileOption = None) -> None:
    """Ask a job to stop."""
    job = Api(home_of(home), key_file).ask("POST", f"jobs/{job_id}/cancel")
    typer.echo(f"{job_id} is {_state(job)}.")


@jobs_app.command("retry")
def retry_job(job_id: JobArgument, home: HomeOption = None, key_file: KeyFileOption = None) -> None:
    """Queue a job again that has failed or was cancelled."""
    job = Api(home_of(home), key_file).ask("POST", f"jobs/{job_id}/retry")
    typer.echo(f"{job_id} is {_state(job)}.")


@jobs_app.command("log")
def log_of_job(
    job_id: JobArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends, with a bar.")] = False,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Print what a job wrote; with --follow the exit code says whether it succeeded."""
    api = Api(home_of(home), key_file)
    if follow:
        follow_job(api, job_id)
    else:
        _print_lines(api, job_id, 0)


def follow_job(api: Api, job_id: str) -> Job:
    """Prints the log as it is written, over a bar (on standard error of a terminal), until the job ends. Raises EngineError when it did
    not succeed."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"), TimeElapsedColumn())
    seen = 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, unit="")
        while True:
            job: Job = api.ask("GET", f"jobs/{job_id}")
            far = job["progress"]
            told = f"{_state(job)} {far['stage']}".strip()
            bar.update(task, description=told, completed=far["done"], total=far["total"], unit=far["unit"])
            seen = _print_lines(api, job_id, seen)
            if job["state"] in ENDED:
                break
            time.sleep(LOOK_S)
    if job["state"] != JobState.SUCCEEDED:
        raise EngineError(f"The job is {job['state']}: {job['error'] or 'it was cancelled'}; `hearth jobs retry {job_id}` tries it again.")
    return job


def _print_lines(api: Api, job_id: str, after: int) -> int:
    """Prints what stands behind the line ``after``; the number of the last."""
    while True:
        lines = api.ask("GET", f"jobs/{job_id}/log", None, after=after, limit=PAGE)["lines"]
        for line in lines:
            typer.echo(f"{line['time'][11:19]} {line['text']}")
        after = lines[-1]["number"] if lines else after
        if len(lines) < PAGE:
            return after


def _show(job: Job, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(job))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for name, value in job.items():
        if value is not None and name != "cancelling":
            shown = {"state": _state(job), "progress": _progress(job)}.get(name)
            table.add_row(name, shown or (json.dumps(value) if isinstance(value, dict) else str(value)))
    result_console().print(table)


def _state(job: Job) -> str:
    return "cancelling" if job["cancelling"] else str(job["state"])


def _progress(job: Job) -> str:
    far = job["progress"]
    total = "" if far["total"] is None else f"/{far['total']:,}"
    return f"{far['done']:,}{total} {far['unit']} {far['stage']}".strip()
