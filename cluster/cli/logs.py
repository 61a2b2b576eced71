"""`hearth logs`: the head's log, or a replica's."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.options import HomeOption, home_of
from cluster.errors import NotFound
from cluster.home import Home
from cluster.specs.loader import nearest

FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")]
LinesOption = Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines to print.")]
NameArgument = Annotated[str, typer.Argument(help="'head', a model's id, 'api', or a file that `hearth logs list` shows.")]


def logs(name: NameArgument = "head", lines: LinesOption = 100, follow: FollowOption = False, home: HomeOption = None) -> None:
    """Print a log: the head process's by default. `hearth logs list` names the others."""
    where = home_of(home)
    files = log_files(where)
    if name == "list":
        typer.echo("\n".join(sorted(files)))
        return
    path = _find(name, files)
    typer.echo("".join(_tail(path, lines)), nl=False)
    if follow:
        _follow(path)


def log_files(home: Home) -> dict[str, Path]:
    """Log files by the name to ask for: the head's, and those of Serve's replicas in Ray's session folder."""
    found = {"head": home.logs / "head.log"} if (home.logs / "head.log").exists() else {}
    serve = home.scratch / "session_latest" / "logs" / "serve"
    found.update({path.stem: path for path in serve.glob("*.log")} if serve.is_dir() else {})
    return found


def _find(name: str, files: dict[str, Path]) -> Path:
    if name in files:
        return files[name]
    matching = [path for stem, path in files.items() if f"_{name}_" in f"_{stem}_"]
    if matching:
        return max(matching, key=lambda path: path.stat().st_mtime)
    hint = nearest(name, files)
    raise NotFound(f"There is no log '{name}'" + (f"; did you mean '{hint}'?" if hint else "; `hearth logs list` names them."))


def _tail(path: Path, lines: int) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return list(deque(file, maxlen=lines))


def _follow(path: Path) -> None:
    with path.open(encoding="utf-8", errors="replace") as file:
        file.seek(0, 2)
        while True:
            text = file.read()
            if text:
                typer.echo(text, nl=False)
            else:
                time.sleep(0.3)
