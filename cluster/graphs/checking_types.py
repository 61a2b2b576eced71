"""Whether values fit where they go, as far as schemas tell: schemas themselves, what nodes give and read, arguments of tools and graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.errors import BadInput
from cluster.graphs.checking_reads import Readable
from cluster.graphs.expressions import expression_of, names_in
from cluster.graphs.findings import Findings, Known, choice
from cluster.graphs.resolved import every_node
from cluster.graphs.schemas import Schema, Schemas, below, may_be, said, types_of
from cluster.graphs.structure import Source, sources, written
from cluster.json_schema import check_schema, mistake
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import GraphNode, HumanNode, LlmNode, MapNode, ToolNode, WritingNode
from cluster.specs.yaml_text import Place


def check_types(spec: GraphSpec, readable: Readable, known: Known, findings: Findings) -> None:
    """Of expressions only those that could be read (``readable``)."""
    if not _schemas(spec, findings):
        return  # the rest would be guessed from what is wrong already
    schemas = Schemas(spec, known)
    for source in sources(spec):
        for text in readable.get(source.path, ()):
            _source(source, text, schemas, findings)
    _state(spec, schemas, findings)
    for name, node in every_node(spec):
        path: Place = ("nodes", name) if node is spec.nodes[name] else ("nodes", name, "each")
        item = _item(spec, name, path, schemas)
        if isinstance(node, ToolNode) and known.tools is not None and node.tool in known.tools:
            wanted = known.tools[node.tool].parameters
            _arguments(node.arguments, wanted, f"the tool '{node.tool}'", schemas, item, findings, (name, (*path, "arguments")))
        if isinstance(node, GraphNode) and known.graphs is not None and (inner := known.graphs.get(node.graph.partition("@")[0])):
            _arguments(node.input, inner.input, f"the graph '{inner.name}'", schemas, item, findings, (name, (*path, "input")))


def _schemas(spec: GraphSpec, findings: Findings) -> bool:
    """Whether all schemas can be used."""
    before = len(findings.found)
    _schema(spec.input, None, ("input",), findings)
    if spec.input.get("type", "object") != "object":
        findings.error("the input is an object; write 'type: object' and its keys below 'properties'.", None, ("input",))
    for key, schema in spec.state.items():
        _schema(schema, None, ("state", key), findings)
    for name, node in every_node(spec):
        path: Place = ("nodes", name) if node is spec.nodes[name] else ("nodes", name, "each")
        if isinstance(node, LlmNode) and node.output is not None:
            _schema(node.output, name, (*path, "output"), findings)
        if isinstance(node, HumanNode):
            _schema(node.answer, name, (*path, "answer"), findings)
        if isinstance(node, WritingNode) and node.guard is not None and node.guard.schema_ is not None:
            _schema(node.guard.schema_, name, (*path, "guard", "schema"), findings)
    return len(findings.found) == before


def _schema(schema: Schema, node: str | None, path: Place, findings: Findings) -> None:
    try:
        check_schema(schema)
    except BadInput as error:
        inner = error.param.split(".") if error.param else []
        findings.error(error.message, node, (*path, *inner))


def _source(source: Source, text: str, schemas: Schemas, findings: Findings) -> None:
    item = _item(schemas.spec, source.node, source.path, schemas)
    given = schemas.of(text, item)
    wanted = frozenset(source.needs) or None
    if not source.is_template and not may_be(given, wanted):
        findings.error(f"`{text}` is {said(types_of(given))}, and {said(wanted)} is needed here.", source.node, source.path)
    reads = names_in(text)
    for path in sorted(reads.paths | reads.asked):
        _path(path, source, schemas, item, findings, asked=path in reads.asked)


def _item(spec: GraphSpec, node: str | None, path: Place, schemas: Schemas) -> Schema | None:
    found = spec.nodes.get(node) if node is not None else None
    return schemas.item(found) if isinstance(found, MapNode) and path[2:3] == ("each",) else None


def _path(path: tuple[str, ...], source: Source, schemas: Schemas, item: Schema | None, findings: Findings, *, asked: bool) -> None:
    """Every key of the path must be there in the schema of what stands before it. Keys right below the input have been looked at."""
    if path[0] == "state":
        schema, depth = schemas.of_key(path[1]), 2
    elif path[0] == "input" and below(schemas.spec.input, path[1]) is not None:
        schema, depth = below(schemas.spec.input, path[1]) or {}, 2
    elif path[0] == "item":
        schema, depth = item or {}, 1
    else:
        return
    for number in range(depth, len(path)):
        here, key = ".".join(path[:number]), path[number]
        if not may_be(schema, frozenset({"object"})):
            findings.error(f"`{here}` is {said(types_of(schema))} and has no key '{key}'.", source.node, source.path)
            return
        inner, properties = below(schema, key), schema.get("properties")
        if inner is None:
            if isinstance(properties, Mapping) and properties and not asked:
                tell = findings.error if schema.get("additionalProperties") is False else findings.warn
                tell(f"`{here}` has no key '{key}' in its schema; {choice(key, list(properties))}", source.node, source.path)
            return
        schema = inner


def _state(spec: GraphSpec, schemas: Schemas, findings: Findings) -> None:
    for name, node in spec.nodes.items():
        for key in sorted(written(name, node)):
            declared = spec.state.get(key)
            given = schemas.of_node(name, key)
            if declared is not None and not may_be(given, types_of(declared)):
                told = (
                    f"it gives {said(types_of(given))}, and the state says that '{key}' is {said(types_of(declared))}; change one of them."
                )
                findings.error(told, name, ("nodes", name))
    for key in spec.state:
        if not any(key in written(name, node) for name, node in spec.nodes.items()):
            findings.warn(f"no node writes the key '{key}' of the state; take it out.", None, ("state", key))


def _arguments(
    given: Mapping[str, Any],
    wanted: Schema,
    whose: str,
    schemas: Schemas,
    item: Schema | None,
    findings: Findings,
    where: tuple[str, Place],
) -> None:
    node, path = where
    properties = wanted.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    closed = wanted.get("additionalProperties") is False or (bool(properties) and "additionalProperties" not in wanted)
    for key in wanted.get("required", []):
        if key not in given:
            findings.error(f"{whose} needs the argument '{key}'; add it to '{path[-1]}'.", node, path)
    for key, value in given.items():
        if key not in properties:
            if closed and "patternProperties" not in wanted:
                findings.error(f"{whose} has no argument '{key}'; {choice(key, list(properties))}", node, (*path, key))
            continue
        told = _argument(value, _alone(properties[key], wanted), schemas, item)
        if told:
            findings.error(f"'{key}' of {whose}: {told}", node, (*path, key))


def _alone(inner: Schema, whole: Schema) -> Schema:
    """A property's schema with what it may refer to."""
    shared = {key: whole[key] for key in ("$defs", "definitions") if key in whole}
    return {**shared, **inner} if shared else inner


def _argument(value: Any, wanted: Schema, schemas: Schemas, item: Schema | None) -> str:
    expression = expression_of(value)
    if expression is not None:
        given = schemas.of(expression, item)
        fits = may_be(given, types_of(wanted))
        return "" if fits else f"`{expression}` is {said(types_of(given))}, and {said(types_of(wanted))} is needed."
    if _computes(value):
        return ""
    wrong = mistake(value, wanted)
    return "" if wrong is None else (f"'{wrong[0]}': {wrong[1]}" if wrong[0] else wrong[1])


def _computes(value: Any) -> bool:
    """Whether there is an expression anywhere in it."""
    if isinstance(value, dict):
        return any(map(_computes, value.values()))
    return any(map(_computes, value)) if isinstance(value, list) else expression_of(value) is not None
