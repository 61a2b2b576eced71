"""`hearth models`: what the catalog has, what is on this machine, and bringing or removing weights."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich import progress as bars
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from cluster.cli.options import HomeOption, ProfileOption, home_of, profile_and_settings
from cluster.cli.output import result_console
from cluster.errors import BadInput, Conflict
from cluster.hardware import NvmlReader, profile_devices, readable
from cluster.home import CATALOG, PROFILES, Home
from cluster.hub import Hub, Progress
from cluster.inventory import all_profiles, choose_variant, inventory, need_known, served_in
from cluster.pull import import_local, pull, remove
from cluster.runtime.state import running
from cluster.specs.catalog import Catalog, EngineName, ModelSpec, Variant
from cluster.specs.loader import nearest
from cluster.specs.profile import ProfileSpec, load_profile
from cluster.weights import inspect

models_app = typer.Typer(help="List, pull and remove model weights.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ModelArgument = Annotated[str, typer.Argument(help="Id of a model in the catalog.")]
ModelsArgument = Annotated[
    list[str] | None, typer.Argument(help="Ids of models; without any, everything the profile serves.", show_default=False)
]
EngineOption = Annotated[str | None, typer.Option("--engine", help="Pull the variant of this engine; by default the one for this machine.")]
QuantizationOption = Annotated[str | None, typer.Option("--quantization", help="Pull the variant with this quantisation, such as Q4_K_M.")]
FromOption = Annotated[Path | None, typer.Option("--from", help="Bring the weights from this file or folder instead of the hub.")]
LinkOption = Annotated[bool, typer.Option("--link", help="With --from: link to the files instead of copying them.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@models_app.command("list")
def list_models(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show every model of the catalog: kind, size, licence, whether its weights are here, and which profiles use it."""
    where = home_of(home)
    entries = inventory(Catalog.load(CATALOG, where.catalog), all_profiles(PROFILES), where)
    if as_json:
        typer.echo(json.dumps({"models": [dataclasses.asdict(entry) for entry in entries]}))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("model", "kind", "weights", "size", "licence", "profiles"):
        table.add_column(column, no_wrap=column != "profiles", overflow="fold", justify="right" if column == "size" else "left")
    for entry in entries:
        size = readable(entry.size_bytes) if entry.size_bytes is not None else "?"
        state = f"{entry.state} (nano)" if entry.nano else entry.state
        table.add_row(entry.id, entry.kind, state, size, entry.license, ", ".join(entry.profiles) or "-")
    result_console().print(table)


@models_app.command("pull")
def pull_models(
    models: ModelsArgument = None,
    source: FromOption = None,
    link: LinkOption = False,
    engine: EngineOption = None,
    quantization: QuantizationOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch weights from the hub, or bring them from a path. Checked, and resumed where an earlier pull ended."""
    if source is not None and len(models or ()) != 1:
        raise BadInput("--from brings the weights of one model; name it: `hearth models pull MODEL --from PATH`.")
    if link and source is None:
        raise BadInput("--link goes with --from PATH.")
    spec, settings = profile_and_settings(profile, {"home": home})
    where = Home(settings.home)
    catalog = Catalog.load(CATALOG, where.catalog)
    wanted = _wanted(catalog, models, spec, _engine_name(engine), quantization)
    with _bars(quiet=as_json) as show:
        report = [_bring(model, variant, where, source, link=link, offline=settings.offline, show=show) for model, variant in wanted]
    if as_json:
        typer.echo(json.dumps({"pulled": report}))
        return
    for line in report:
        typer.echo(f"{line['model']} ({line['engine']}): {line['note']}")


@models_app.command("remove")
def remove_model(model: ModelArgument, yes: YesOption = False, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Delete the pulled weights of a model. Weights that a package, the repository or a path of yours carries are never touched."""
    where = home_of(home)
    spec = Catalog.load(CATALOG, where.catalog).get(model)
    _refuse_in_service(spec, where)
    if not (where.models / spec.id).is_dir():
        kinds = {variant.source.kind for variant in spec.variants}
        why = "nothing of it was pulled" if "hub" in kinds else "its weights were not pulled, they come with the installation"
        raise Conflict(f"There is nothing to remove for '{spec.id}': {why}.")
    if not yes:
        typer.confirm(f"Delete the weights of {spec.id} below {where.models / spec.id}?", abort=True)
    freed = remove(spec, where)
    typer.echo(json.dumps({"removed": spec.id, "freed_bytes": freed}) if as_json else f"Removed {spec.id}: {readable(freed)} freed.")


def _bring(
    model: ModelSpec, variant: Variant, home: Home, source: Path | None, *, link: bool, offline: bool, show: Progress
) -> dict[str, str | None]:
    def progress(file: str, here: int, total: int) -> None:
        show(f"{model.id}: {file}", here, total)

    if source is not None:
        import_local(model, variant, home, source, link=link, progress=progress)
    elif variant.source.kind == "hub":
        pull(model, variant, home, hub=_hub(), offline=offline, progress=progress)
    found = inspect(model, variant, home)
    if found.path is None:
        raise Conflict(f"The weights of '{model.id}' ({variant.engine}) come from no hub, and they are not here: {found.reason}")
    return {"model": model.id, "engine": variant.engine, "path": str(found.path), "note": found.reason}


def _hub() -> Hub:
    # huggingface_hub reads HF_ENDPOINT once, when it is imported; a command line means the environment it was started with.
    return Hub(endpoint=os.environ.get("HF_ENDPOINT"), notify=lambda said: typer.echo(f"hearth: {said}", err=True))


def _engine_name(engine: str | None) -> EngineName | None:
    names = get_args(EngineName)
    if engine is not None and engine not in names:
        hint = nearest(engine, names)
        raise BadInput(f"There is no engine '{engine}'; " + (f"did you mean '{hint}'?" if hint else f"choose one of {', '.join(names)}."))
    return engine  # type: ignore[return-value]


def _wanted(
    catalog: Catalog, ids: list[str] | None, profile: ProfileSpec, engine: EngineName | None, quantization: str | None
) -> list[tuple[ModelSpec, Variant]]:
    devices = profile_devices(profile, NvmlReader())
    models = [catalog.get(one) for one in ids] if ids else [model for _, model in need_known(profile, catalog)]
    return [(model, choose_variant(model, devices, served_in(profile, model.id), engine, quantization)) for model in models]


def _refuse_in_service(model: ModelSpec, home: Home) -> None:
    state = running(home)
    if state is not None and served_in(load_profile(state.profile, PROFILES), model.id):
        raise Conflict(f"'{model.id}' is in service (profile {state.profile}); run `hearth down` first, or take it out of the profile.")


@contextmanager
def _bars(*, quiet: bool) -> Iterator[Progress]:
    """One bar a file, on standard error. Interrupted, it says that nothing is lost."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(stderr=True), disable=quiet) as shown:
        tasks: dict[str, TaskID] = {}

        def show(file: str, here: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = shown.add_task(file, total=total)
            shown.update(tasks[file], completed=here)

        try:
            yield show
        except KeyboardInterrupt:
            shown.console.print("Interrupted. What was fetched is kept; the same command goes on from there.")
            raise typer.Exit(130) from None
