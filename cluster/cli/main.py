"""The command line. One file per command or group of commands; each turns words into calls and results into text, and decides nothing."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console

from cluster.cli.backup import backup, restore
from cluster.cli.bench import bench_app
from cluster.cli.check import lint, test
from cluster.cli.doctor import doctor
from cluster.cli.ingest import ingest
from cluster.cli.jobs import jobs_app
from cluster.cli.logs import logs
from cluster.cli.models import models_app
from cluster.cli.people import key_app, token_app, user_app
from cluster.cli.plan import plan
from cluster.cli.secrets import secrets_app
from cluster.cli.status import status
from cluster.cli.up import down, up
from cluster.cli.usage import usage
from cluster.errors import HearthError

app = typer.Typer(
    name="hearth",
    help="Hearth: a self-hosted AI cluster on Ray for the owner of a small GPU box.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(plan)
app.add_typer(models_app, name="models")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
app.add_typer(token_app, name="token")
app.add_typer(secrets_app, name="secrets")
app.command()(ingest)
app.add_typer(jobs_app, name="jobs")
app.command()(usage)
app.command()(backup)
app.command()(restore)
app.command()(doctor)
app.command()(logs)
app.add_typer(bench_app, name="bench")
# Everything after the word belongs to pytest.
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)
app.command()(lint)


def main() -> None:
    """Runs the command line. Our own errors become one line (or one JSON object, with --json) and exit code 1."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except HearthError as error:
        if "--json" in sys.argv:
            body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
            sys.stdout.write(json.dumps({"error": body}) + "\n")
        else:
            Console(stderr=True).print(f"[bold red]hearth:[/] {error.message}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM is answered as Ctrl-C is, so that a command that is ended cleans up after itself."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
