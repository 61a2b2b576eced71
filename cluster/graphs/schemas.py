"""What values a graph's keys have, as far as schemas tell: of the input, of the state, of what nodes give, and of expressions.

A schema is a dict of JSON Schema; ``{}`` is any value. What cannot be told is any value: nothing is refused on a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lark import Token, Tree

from cluster.errors import BadInput
from cluster.graphs.expressions import compile_expression
from cluster.graphs.findings import Known
from cluster.graphs.reading import path_of, plain
from cluster.graphs.structure import writers
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import (
    AudioNode,
    BaseNode,
    EmbedNode,
    GraphNode,
    GuardNode,
    HumanNode,
    LlmNode,
    MapNode,
    RetrieveNode,
    ToolNode,
    TransformNode,
    VisionNode,
    WritingNode,
)

Schema = Mapping[str, Any]
ANY: Schema = {}
# Nodes that are followed from one that reads to one that writes.
FAR = 16
TEXT: Schema = {"type": "string"}
VECTOR: Schema = {"type": "array", "items": {"type": "number"}}
SEGMENT: Schema = {"type": "object", "properties": {"start": {"type": "number"}, "end": {"type": "number"}, "text": TEXT}}
SPEECH: Schema = {
    "type": "object",
    "properties": {"text": TEXT, "language": {"type": ["string", "null"]}, "segments": {"type": "array", "items": SEGMENT}},
    "additionalProperties": False,
}
PASSAGE: Schema = {
    "type": "object",
    "properties": {
        "number": {"type": "integer"},
        "text": TEXT,
        "document": TEXT,
        "path": {"type": ["string", "null"]},
        "page": {"type": ["integer", "null"]},
        "score": {"type": "number"},
        "collection": TEXT,
    },
}
KINDS = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list"}


class Schemas:
    """Of one graph. ``of_key`` and ``of_node`` are schemas, ``of`` that of an expression's value."""

    def __init__(self, spec: GraphSpec, known: Known) -> None:
        self.spec, self.known = spec, known
        self._writers = writers(spec)
        self._under_way: set[str] = set()
        self._given_by: dict[tuple[str, str], Schema] = {}

    def of_key(self, key: str) -> Schema:
        """What the state's schema says, else what the one node that writes it gives."""
        if key in self.spec.state:
            return self.spec.state[key]
        names = self._writers.get(key, [])
        return self.of_node(names[0], key) if len(names) == 1 else ANY

    def of_node(self, name: str, key: str) -> Schema:
        """What the node gives for ``key``. Of a node that reads its own key: anything."""
        if (name, key) not in self._given_by:
            if name in self._under_way or len(self._under_way) > FAR:
                return ANY
            self._under_way.add(name)
            try:
                self._given_by[name, key] = self._given(self.spec.nodes[name], key, None)
            finally:
                self._under_way.discard(name)
        return self._given_by[name, key]

    def item(self, node: MapNode) -> Schema:
        """What ``item`` is in the map."""
        items = self.of(node.over, None).get("items")
        return items if isinstance(items, Mapping) else ANY

    def of(self, text: str, item: Schema | None) -> Schema:
        """Of the value of an expression; of one that cannot be read, any. ``item``: that of a map's items."""
        try:
            return self._of_tree(compile_expression(text).tree, item)
        except BadInput:
            return ANY

    def _given(self, node: BaseNode, key: str, item: Schema | None) -> Schema:
        given = self._result(node, key, item)
        if isinstance(node, WritingNode) and node.guard is not None and node.guard.schema_ is not None:
            return node.guard.schema_
        return given

    def _result(self, node: BaseNode, key: str, item: Schema | None) -> Schema:
        if isinstance(node, TransformNode):
            text = node.value if node.set is None else node.set.get(key)
            return self.of(text, item) if text is not None else ANY
        if isinstance(node, MapNode):
            inner = self._given(node.each, "", self.item(node))
            return {"type": "array", "items": {} if node.skip_errors else dict(inner)}
        if isinstance(node, GuardNode):
            return node.guard.schema_ or self.of(node.value, item)
        if isinstance(node, LlmNode):
            return TEXT if node.output is None else node.output
        if isinstance(node, ToolNode):
            return self._of_tool(node)
        if isinstance(node, GraphNode):
            return self._of_graph(node)
        return self._fixed(node)

    def _fixed(self, node: BaseNode) -> Schema:
        if isinstance(node, VisionNode):
            return TEXT if node.do == "read" else VECTOR
        if isinstance(node, AudioNode):
            return SPEECH
        if isinstance(node, EmbedNode):
            return {"type": "array", "items": dict(VECTOR)}
        if isinstance(node, RetrieveNode):
            return {"type": "array", "items": dict(PASSAGE)}
        return node.answer if isinstance(node, HumanNode) else ANY

    def _of_tool(self, node: ToolNode) -> Schema:
        tool = (self.known.tools or {}).get(node.tool)
        return tool.output if tool is not None and tool.output is not None else ANY

    def _of_graph(self, node: GraphNode) -> Schema:
        inner = (self.known.graphs or {}).get(node.graph.partition("@")[0])
        if inner is None:
            return ANY
        return {"type": "object", "properties": {key: {} for key in inner.output}, "additionalProperties": False}

    def _of_tree(self, tree: Tree[Token], item: Schema | None) -> Schema:
        tree = plain(tree)
        path = path_of(tree)
        if path is not None:
            return self._of_path(path, item)
        if tree.data == "expr" and len(tree.children) == 3:
            yes, no = (self._of_tree(child, item) for child in tree.children[1:] if isinstance(child, Tree))
            return yes if yes.get("type") == no.get("type") else ANY
        if tree.data == "addition" and isinstance(tree.children[0], Tree):
            return _without_items(self._of_tree(_operand(tree.children[0]), item), ("string", "array"))
        return _of_form(tree)

    def _of_path(self, path: tuple[str, ...], item: Schema | None) -> Schema:
        root, keys = path[0], path[1:]
        if root == "input":
            schema: Schema = self.spec.input
        elif root == "item":
            schema = item if item is not None else ANY
        elif root == "state" and keys:
            schema, keys = self.of_key(keys[0]), keys[1:]
        elif root in ("index", "run"):
            return {"type": "integer"} if root == "index" else (TEXT if keys else {"type": "object"})
        else:
            return ANY
        for key in keys:
            schema = below(schema, key) or ANY
        return schema


def below(schema: Schema, key: str) -> Schema | None:
    """Of the value under ``key``; None where the schema has no such key."""
    properties = schema.get("properties")
    found = properties.get(key) if isinstance(properties, Mapping) else None
    return found if isinstance(found, Mapping) else None


def types_of(schema: Schema) -> frozenset[str] | None:
    """Types that a value of the schema may have; None: any."""
    wanted = schema.get("type")
    if isinstance(wanted, str):
        return frozenset({wanted})
    return frozenset(wanted) if isinstance(wanted, list) else None


def may_be(given: Schema, wanted: frozenset[str] | None) -> bool:
    """Whether a value of the schema ``given`` may have one of the types. A whole number is a number too, and a number may be whole."""
    types = types_of(given)
    if types is None or wanted is None:
        return True
    numbers = {"integer", "number"}
    return bool(types & wanted) or bool(types & numbers and wanted & numbers)


def said(types: frozenset[str] | None) -> str:
    """Types in words."""
    names = sorted(KINDS.get(name, "an object" if name == "object" else name) for name in types or ())
    return " or ".join(names) if names else "any value"


def _operand(tree: Tree[Token]) -> Tree[Token]:
    return tree.children[0] if tree.children and isinstance(tree.children[0], Tree) else tree


def _without_items(schema: Schema, kinds: tuple[str, ...]) -> Schema:
    kind = schema.get("type")
    return {"type": kind} if kind in kinds else ANY


_RESULTS = {
    **dict.fromkeys("contains startsWith endsWith matches all exists exists_one has bool".split(), "boolean"),
    **dict.fromkeys("size indexOf int".split(), "integer"),
    **dict.fromkeys("string json join replace trim lowerAscii upperAscii substring timestamp duration".split(), "string"),
    **dict.fromkeys("map filter split flatten distinct sort slice reverse".split(), "array"),
    "double": "number",
}
_LITERALS = {"STRING_LIT": "string", "MLSTRING_LIT": "string", "INT_LIT": "integer", "UINT_LIT": "integer", "FLOAT_LIT": "number"}


def _of_form(tree: Tree[Token]) -> Schema:
    """What the form of an expression alone says."""
    if tree.data in ("relation", "conditionaland", "conditionalor"):
        return {"type": "boolean"}
    if tree.data == "unary":
        negated = isinstance(tree.children[0], Tree) and tree.children[0].data == "unary_not"
        return {"type": "boolean" if negated else "number"}
    if tree.data == "multiplication":
        return {"type": "number"}
    if tree.data == "member_dot_arg":
        return _named(str(tree.children[1]))
    inner = tree.children[0] if tree.data == "primary" else tree
    if not isinstance(inner, Tree):
        return ANY
    if inner.data == "ident_arg":
        return _named(str(inner.children[0]))
    kind = {"list_lit": "array", "map_lit": "object"}.get(str(inner.data))
    if kind is None and inner.data == "literal" and isinstance(inner.children[0], Token):
        kind = _LITERALS.get(inner.children[0].type, "boolean" if inner.children[0].type == "BOOL_LIT" else None)
    return {"type": kind} if kind else ANY


def _named(function: str) -> Schema:
    return {"type": _RESULTS[function]} if function in _RESULTS else ANY
