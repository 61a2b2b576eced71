"""The command line. One file per command or group of commands; each turns words into calls and results into text, and decides nothing."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console

from cluster.cli.commands import Hearth
from cluster.errors import HearthError

app = typer.Typer(
    name="hearth",
    cls=Hearth,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def hearth() -> None:
    """Hearth: a self-hosted AI cluster on Ray for the owner of a small GPU box."""


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
