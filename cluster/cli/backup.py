"""`hearth backup` and `hearth restore`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as Bars

from cluster.backup import create
from cluster.backup import restore as restoring
from cluster.backup.archive import About, Progress
from cluster.backup.passphrase import read_passphrase
from cluster.cli.options import HomeOption, ProfileOption, profile_and_settings
from cluster.hardware import readable
from cluster.home import Home

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File (mode 0600) with the passphrase that seals the backup.", show_default=False),
]


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="File to make, or a folder (default: backups below HEARTH_HOME).", show_default=False)
    ] = None,
    passphrase_file: PassphraseOption = None,
    with_models: Annotated[bool, typer.Option("--with-models", help="Pulled weights too; they can be fetched again without.")] = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write database, Redis, files, keys and configs into one file, whether the cluster runs or not."""
    _, settings = profile_and_settings(profile, {"home": home})
    passphrase = read_passphrase(passphrase_file)
    with _bar(quiet=as_json) as show:
        made = create.backup(Home(settings.home), settings, file, passphrase=passphrase, models=with_models, progress=show)
    if as_json:
        told = {"file": str(made.file), "bytes": made.bytes, "members": made.members, "sealed": made.sealed}
        typer.echo(json.dumps(told | made.about.model_dump(mode="json")))
        return
    typer.echo(f"{made.file}: {readable(made.bytes)}, {made.members} members; restore it with `hearth restore`.")
    if not made.sealed:
        _warn("the backup holds every key and is NOT encrypted: whoever reads it can read all secrets. --passphrase-file seals it.")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup. Restore only what you made yourself: a dump can run code.")],
    passphrase_file: PassphraseOption = None,
    force: Annotated[bool, typer.Option("--force", help="Move a home that is not empty aside instead of refusing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only prove that the backup is whole; write nothing.")] = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty home from a backup: as a whole or not at all. Then `hearth up`."""
    _, settings = profile_and_settings(profile, {"home": home})
    passphrase = read_passphrase(passphrase_file)
    if check:
        with _bar(quiet=as_json) as show:
            about, members = restoring.check(file, settings, passphrase=passphrase, progress=show)
        _tell({"file": str(file), "members": members}, about, f"{file} is whole: {members} members", as_json)
        return
    with _bar(quiet=as_json) as show:
        done = restoring.restore(file, Home(settings.home), settings, passphrase=passphrase, force=force, progress=show)
    aside = str(done.aside) if done.aside else None
    _tell({"home": str(done.home), "members": done.members, "aside": aside}, done.about, f"Restored {done.home}", as_json)
    if aside and not as_json:
        _warn(f"the home of before is in {aside}.")


def _tell(facts: dict[str, str | int | None], about: About, line: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts | about.model_dump(mode="json")))
    else:
        typer.echo(f"{line}; made {about.created_at:%Y-%m-%d %H:%M} UTC by Hearth {about.hearth}, with {', '.join(about.parts)}.")


def _warn(text: str) -> None:
    Console(stderr=True).print(f"[bold yellow]hearth:[/] {text}", highlight=False, soft_wrap=True)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Progress]:
    """One bar, on standard error, that says what is being worked on."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Bars(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda what, done, total: bars.update(task, description=what, completed=done, total=total or None)
