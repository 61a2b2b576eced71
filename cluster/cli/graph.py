"""`hearth graph`: graphs of steps. `list`, `check` and `draw` need no running cluster: they read files, or the library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cluster.cli.options import HomeOption
from cluster.cli.output import result_console
from cluster.errors import ConfigError
from cluster.graphs.checking import Finding, Known, check
from cluster.graphs.library import GraphFile, GraphLibrary, graph_library, read_file
from cluster.settings import load_settings
from cluster.specs.retrieval import retrieval_settings

graph_app = typer.Typer(help="List, check, draw and run graphs.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
GraphArgument = Annotated[str, typer.Argument(help="A graph of the library by name, or a YAML or JSON file.")]
GraphsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="YAML or JSON files, or names of the library; without any, the whole library.", show_default=False),
]
PngOption = Annotated[Path | None, typer.Option("--png", help="Write a picture to this file instead.", show_default=False)]


@graph_app.command("list")
def list_graphs(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the graphs of the library: those that come with Hearth, and those in the home's `graphs` folder."""
    library = _library(home)
    if as_json:
        typer.echo(json.dumps({"graphs": [_about(library.file(spec.name)) for spec in library]}))
        return
    table = Table("graph", "version", "nodes", "title", "file", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for spec in library:
        table.add_row(spec.name, str(spec.version), str(len(spec.nodes)), spec.title, str(library.file(spec.name).path))
    result_console().print(table)


@graph_app.command("check")
def check_graphs(graphs: GraphsArgument = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say all that is wrong with graphs, each with its file and line. Exit code 1 when there is an error."""
    library = _library(home)
    told: list[dict[str, Any]] = []
    for name in graphs or [spec.name for spec in library]:
        told += _checked(name, library, home)
    if as_json:
        typer.echo(json.dumps({"findings": told}))
    else:
        _show(told)
    if any(one["severity"] == "error" for one in told):
        raise typer.Exit(1)


@graph_app.command("draw")
def draw_graph(graph: GraphArgument, png: PngOption = None, home: HomeOption = None) -> None:
    """Print a graph as Mermaid, which documents and pages draw; with --png, write a picture."""
    from cluster.graphs.drawing import mermaid
    from cluster.graphs.picture import draw

    spec = _find(graph, _library(home), _most_bytes(home)).spec
    if png is None:
        typer.echo(mermaid(spec), nl=False)
        return
    png.write_bytes(draw(spec))
    typer.echo(f"{png} shows {spec.name}, version {spec.version}.")


def _library(home: Path | None) -> GraphLibrary:
    settings = load_settings(flags={"home": home})
    return graph_library(settings.home, int(settings.graphs.spec_bytes))


def _most_bytes(home: Path | None) -> int:
    return int(load_settings(flags={"home": home}).graphs.spec_bytes)


def _find(name: str, library: GraphLibrary, most_bytes: int) -> GraphFile:
    """What has an ending or a folder is a file, and what is one: any other word is a name."""
    path = Path(name)
    is_file = path.suffix in (".yaml", ".yml", ".json") or len(path.parts) > 1 or (name not in library and path.is_file())
    return read_file(path, most_bytes) if is_file else library.file(name)


def _checked(name: str, library: GraphLibrary, home: Path | None) -> list[dict[str, Any]]:
    settings = load_settings(flags={"home": home})
    try:
        file = _find(name, library, int(settings.graphs.spec_bytes))
    except ConfigError as error:
        return [{"text": line, "message": line, "severity": "error", "file": name} for line in error.message.splitlines()]
    known = Known(graphs={**library.specs, file.spec.name: file.spec}, retrieval={spec.name for spec in retrieval_settings(settings.home)})
    return [_finding(file, finding) for finding in check(file.spec, file.parsed.lines, known)]


def _finding(file: GraphFile, finding: Finding) -> dict[str, Any]:
    return {
        "text": finding.told(str(file.path)),
        "message": finding.message,
        "severity": finding.severity,
        "file": str(file.path),
        "line": finding.line,
        "node": finding.node,
        "path": list(finding.path),
    }


def _show(told: Sequence[dict[str, Any]]) -> None:
    out = Console(stderr=True)
    for one in told:
        out.print(one["text"], style="red" if one["severity"] == "error" else "yellow", highlight=False, markup=False, soft_wrap=True)
    errors = sum(one["severity"] == "error" for one in told)
    warnings = len(told) - errors
    typer.echo("Nothing is wrong." if not told else ", ".join(_counted(errors, warnings)) + ".")


def _counted(errors: int, warnings: int) -> Iterator[str]:
    for count, word in ((errors, "error"), (warnings, "warning")):
        if count:
            yield f"{count} {word}" + ("s" if count > 1 else "")


def _about(file: GraphFile) -> dict[str, Any]:
    spec = file.spec
    return {
        "name": spec.name,
        "version": spec.version,
        "title": spec.title,
        "description": spec.description,
        "nodes": len(spec.nodes),
        "file": str(file.path),
        "tags": spec.tags,
    }
