"""The pages that list things, made from the things themselves.

``python -m cluster.documents`` rewrites them; a test fails when they are stale.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

import click
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cluster import errors
from cluster.errors import HearthError
from cluster.graphs.documentation import readme
from cluster.graphs.library import GraphLibrary
from cluster.home import GRAPHS, REPOSITORY
from cluster.settings import PREFIX, OidcIssuer, Settings
from cluster.specs.catalog import Architecture, ModelSpec, ReadingSpec, Variant
from cluster.specs.gate import GateSetSpec, GateSpec
from cluster.specs.graph import GraphLimits, GraphSpec
from cluster.specs.guard import GuardSpec, InjectionGuard, PiiGuard, PolicyGuard
from cluster.specs.nodes import (
    AudioNode,
    Edge,
    EmbedNode,
    GraphNode,
    GuardNode,
    HumanNode,
    JoinNode,
    LlmNode,
    MapNode,
    RetrieveNode,
    Retry,
    RouterNode,
    Says,
    ToolNode,
    TransformNode,
    VisionNode,
    WaitNode,
)
from cluster.specs.prices import PricesSpec
from cluster.specs.profile import DeviceSpec, ProfileSpec, ServedModel
from cluster.specs.providers import (
    AliasSpec,
    Price,
    ProvidedModel,
    ProviderBreaker,
    ProviderLimits,
    ProviderRetries,
    ProviderSpec,
    ProvidersSpec,
    ProviderTimeouts,
)
from cluster.specs.retrieval import RerankSpec, RetrievalSpec

SPECS = (
    ProfileSpec,
    ServedModel,
    DeviceSpec,
    ModelSpec,
    ReadingSpec,
    Variant,
    Architecture,
    OidcIssuer,
    ProvidersSpec,
    AliasSpec,
    ProviderSpec,
    ProvidedModel,
    Price,
    ProviderLimits,
    ProviderTimeouts,
    ProviderRetries,
    ProviderBreaker,
    PricesSpec,
    RetrievalSpec,
    RerankSpec,
    GateSpec,
    GateSetSpec,
    GraphSpec,
    GraphLimits,
    LlmNode,
    Says,
    VisionNode,
    AudioNode,
    EmbedNode,
    RetrieveNode,
    ToolNode,
    TransformNode,
    RouterNode,
    MapNode,
    JoinNode,
    GraphNode,
    HumanNode,
    WaitNode,
    GuardNode,
    Edge,
    Retry,
    GuardSpec,
    PiiGuard,
    InjectionGuard,
    PolicyGuard,
)


def pages() -> dict[Path, str]:
    """Text of every generated page, by its path."""
    return {
        REPOSITORY / "configs" / "README.md": _configs(),
        REPOSITORY / "cluster" / "cli" / "README.md": _commands(),
        REPOSITORY / "api" / "ERRORS.md": _errors(),
        **_graphs(),
    }


def _configs() -> str:
    head = (
        "# configs: YAML only\n\n`profiles/` say which models a machine serves, on which devices; `catalog/` says what each model is, "
        "`retrieval/` how collections are searched, `gates/` what an adapter has to pass, "
        "`graphs/` what agents do step by step ([with a page for each](graphs/README.md)). "
        "An unknown key is refused, and the nearest valid one named.\n\n## Settings\n\nDefaults, then the profile's `settings`, then the "
        "environment (lists and objects as JSON), then flags of the command line.\n\n| environment | default | |\n| --- | --- | --- |\n"
    )
    rows = "".join(f"| `{name}` | `{default}` | {text} |\n" for name, default, text in _settings(Settings, PREFIX))
    return head + rows + "".join(_spec(shape) for shape in SPECS)


def _graphs() -> dict[Path, str]:
    """A page beside each graph that comes with Hearth."""
    from cluster.bench.graphs import EVALUATIONS  # the benches import much too

    library = GraphLibrary.load(GRAPHS, most_bytes=Settings().graphs.spec_bytes)
    told = {name: " ".join((evaluate.__doc__ or "").split()) for name, evaluate in EVALUATIONS.items()}
    return {GRAPHS / f"{spec.name}.md": readme(library.file(spec.name), told.get(spec.name)) for spec in library}


def _settings(group: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in group.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", _default(field), field.description or ""


def _spec(shape: type[BaseModel]) -> str:
    rows = "".join(f"| `{name}` | {_wanted(field)} | {field.description or ''} |\n" for name, field in shape.model_fields.items())
    first = (shape.__doc__ or "").strip().split("\n")[0]
    return f"\n## {shape.__name__}\n\n{first}\n\n| key | | |\n| --- | --- | --- |\n{rows}"


def _wanted(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"`{_default(field)}`"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _commands() -> str:
    from cluster.cli.main import app  # the command line imports much, and only this page needs it

    root = typing.cast("click.Group", typer.main.get_command(app))
    rows = "".join(f"| `hearth {name}` | {text} |\n" for name, text in _walk(root, ""))
    return (
        "# The command line\n\nOne file per command or group. A command turns words into calls and results into text, and decides nothing; "
        "`--json` stands wherever a program would read the result, and `--help` everywhere.\n\n| command | |\n| --- | --- |\n" + rows
    )


def _walk(group: click.Group, prefix: str) -> Iterator[tuple[str, str]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _walk(typing.cast("click.Group", command), f"{prefix}{name} ")
        else:
            yield prefix + name, (command.help or "").strip().split("\n")[0]


def _errors() -> str:
    head = (
        '# Errors\n\nEvery answer that is not a success has one shape: `{"error": {"message", "type", "param", "code"}}`, and an '
        "`X-Request-Id`. 429 and 503 carry `Retry-After`.\n\n| status | code | type | |\n| --- | --- | --- | --- |\n"
    )
    return head + "".join(f"| {one.status} | `{one.code}` | `{one.type}` | {_about(one)} |\n" for one in _tree(HearthError))


def _tree(error: type[HearthError]) -> Iterator[type[HearthError]]:
    if not error.__name__.startswith("_") and error.__module__ == errors.__name__:
        yield error
    for below in error.__subclasses__():
        yield from _tree(below)


def _about(error: type[HearthError]) -> str:
    """The class's own first line, else what the tree in the module's docstring says of it."""
    own = error.__dict__.get("__doc__")
    if own:
        return str(own).strip().split("\n")[0]
    lines = [line for line in (errors.__doc__ or "").splitlines() if f" {error.__name__} (" in line]
    return lines[0].split(")", 1)[1].strip() if lines else ""


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
