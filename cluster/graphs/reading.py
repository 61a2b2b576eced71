"""What an expression reads, told from its parse tree; and what it may not say, refused before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from lark import Token, Tree

from cluster.graphs.functions import FUNCTIONS
from cluster.graphs.values import Wrong, listed
from cluster.specs.loader import nearest

ROOTS = ("input", "state", "run", "item", "index")
RUN_KEYS = ("id", "graph", "organisation", "started_at")
# With one argument for the variable, and one expression.
MACROS = ("map", "filter", "all", "exists", "exists_one")
TYPES = frozenset({"bool", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp", "type"})
DEPTH = 100
Path = tuple[str, ...]
# Rules that only pass on what they hold, where they hold one thing.
_THROUGH = frozenset("expr conditionalor conditionaland relation addition multiplication unary member".split())


@dataclass(frozen=True, slots=True)
class Reads:
    """``paths``: such as ``("state", "facts", "name")``, as far as the keys are written out. ``asked``: those that only stand in
    ``has(...)``, or beside one in the same expression: they may be missing. ``bare``: roots that are read as a whole."""

    paths: frozenset[Path] = frozenset()
    asked: frozenset[Path] = frozenset()
    bare: frozenset[str] = frozenset()

    def keys(self, root: str) -> frozenset[str]:
        return frozenset(path[1] for path in self.paths | self.asked if path[0] == root)

    def needed(self, root: str) -> frozenset[str]:
        """Keys without which it cannot be evaluated."""
        may_miss = {path[1] for path in self.asked if path[0] == root}
        return frozenset(path[1] for path in self.paths if path[0] == root and path[1] not in may_miss)

    @property
    def in_map(self) -> bool:
        """Whether it reads ``item`` or ``index``, which are there only within a map."""
        return bool(self.bare & {"item", "index"}) or any(path[0] in ("item", "index") for path in self.paths | self.asked)

    def __or__(self, other: Reads) -> Reads:
        return Reads(self.paths | other.paths, self.asked | other.asked, self.bare | other.bare)


def plain(tree: Tree[Token]) -> Tree[Token]:
    """``tree`` without the rules that only pass on what they hold."""
    while len(tree.children) == 1 and isinstance(inner := tree.children[0], Tree):
        if tree.data in _THROUGH:
            tree = inner
        elif tree.data == "primary" and inner.data == "paren_expr" and isinstance(held := inner.children[0], Tree):
            tree = held
        else:
            break
    return tree


def path_of(tree: Tree[Token]) -> Path | None:
    """``("state", "x")`` of ``state.x`` and of ``state["x"]``; None of what is anything else than a name and keys."""
    tree = plain(tree)
    if tree.data == "primary" and isinstance(tree.children[0], Tree) and tree.children[0].data == "ident":
        return (str(tree.children[0].children[0]),)
    if tree.data not in ("member_dot", "member_index"):
        return None
    before, key = tree.children[0], _key(tree)
    above = path_of(before) if isinstance(before, Tree) else None
    return None if above is None or key is None else (*above, key)


def read(tree: Tree[Token]) -> Reads:
    """Raises Wrong for names and functions that do not exist, and for what expressions of graphs may not have."""
    _need_flat(tree)
    walk = _Walk()
    walk.look(tree, frozenset(), asked=False)
    return Reads(frozenset(walk.paths), frozenset(walk.asked), frozenset(walk.bare))


@dataclass(slots=True)
class _Walk:
    paths: set[Path] = field(default_factory=set)
    asked: set[Path] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)

    def look(self, tree: Tree[Token], bound: frozenset[str], *, asked: bool) -> None:
        tree = plain(tree)
        path = path_of(tree)
        if path is not None and path[0] not in bound:
            self._name(path, tree, asked)
        elif tree.data == "member_dot_arg":
            self._method(tree, bound)
        elif tree.data == "primary" and isinstance(tree.children[0], Tree) and tree.children[0].data == "ident_arg":
            self._call(tree.children[0], bound)
        elif path is None:
            _need_allowed(tree)
            for child in _trees(tree):
                self.look(child, bound, asked=asked)

    def _name(self, path: Path, tree: Tree[Token], asked: bool) -> None:
        root = path[0]
        if root in TYPES and len(path) == 1:
            return
        if root not in ROOTS:
            raise Wrong(f"there is no '{root}'{_place(tree)}; " + _choice(root, ROOTS))
        if len(path) == 1:
            self.bare.add(root)
            return
        if root == "run" and path[1] not in RUN_KEYS:
            raise Wrong(f"run has no '{path[1]}'{_place(tree)}; it has: {', '.join(RUN_KEYS)}")
        (self.asked if asked else self.paths).add(path)

    def _method(self, tree: Tree[Token], bound: frozenset[str]) -> None:
        before, name, *rest = tree.children
        arguments = _trees(rest[0]) if rest and isinstance(rest[0], Tree) else []
        if isinstance(before, Tree):
            self.look(before, bound, asked=False)
        if str(name) in MACROS:
            self._macro(str(name), arguments, bound, tree)
            return
        _need_function(str(name), len(arguments) + 1, tree)
        for argument in arguments:
            self.look(argument, bound, asked=False)

    def _macro(self, name: str, arguments: list[Tree[Token]], bound: frozenset[str], tree: Tree[Token]) -> None:
        variable = path_of(arguments[0]) if len(arguments) == 2 else None
        if variable is None or len(variable) != 1:
            raise Wrong(f"'{name}' takes a name and an expression, such as list.{name}(x, ...){_place(tree)}")
        if variable[0] in ROOTS or variable[0] in TYPES:
            raise Wrong(f"'{variable[0]}' already means something{_place(tree)}; take another name in '{name}'")
        self.look(arguments[1], bound | {variable[0]}, asked=False)

    def _call(self, tree: Tree[Token], bound: frozenset[str]) -> None:
        name, *rest = tree.children
        arguments = _trees(rest[0]) if rest and isinstance(rest[0], Tree) else []
        if str(name) == "has":
            if len(arguments) != 1 or plain(arguments[0]).data not in ("member_dot", "member_index"):
                raise Wrong(f"'has' takes one key, such as has(state.x){_place(tree)}")
        elif str(name) != "dyn" or len(arguments) != 1:
            _need_function(str(name), len(arguments), tree)
        for argument in arguments:
            self.look(argument, bound, asked=str(name) == "has")


def _need_flat(tree: Tree[Token]) -> None:
    waiting = [(plain(tree), 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEPTH:
            raise Wrong(f"it is nested more than {DEPTH} levels deep; compute parts of it in nodes of kind 'transform'")
        waiting.extend((plain(child), depth + 1) for child in _trees(one))


def _need_allowed(tree: Tree[Token]) -> None:
    if tree.data == "member_object":
        raise Wrong(f"there are no messages here{_place(tree)}; write a map, such as {{'key': value}}")
    inner = tree.children[0] if tree.children else None
    if isinstance(inner, Tree) and inner.data in ("dot_ident", "dot_ident_arg"):
        raise Wrong(f"a name does not begin with a point{_place(tree)}")
    if tree.data == "literal" and isinstance(inner, Token) and inner.type == "BYTES_LIT":
        raise Wrong(f"there are no bytes here{_place(tree)}; write a text without 'b' before it")


def _need_function(name: str, arguments: int, tree: Tree[Token]) -> None:
    known = FUNCTIONS.get(name)
    if known is None:
        raise Wrong(f"there is no function '{name}'{_place(tree)}; " + _choice(name, [*FUNCTIONS, *MACROS, "has"]))
    if not known.least <= arguments <= known.most:
        count = str(known.least) if known.least == known.most else f"{known.least} to {known.most}"
        raise Wrong(f"'{name}' takes {count} arguments{_place(tree)}, found {arguments} (what stands before the point is one)")


def _choice(name: str, choices: tuple[str, ...] | list[str]) -> str:
    hint = nearest(name, choices)
    return f"did you mean '{hint}'?" if hint else f"there are: {listed(choices, 60)}"


def _place(tree: Tree[Token]) -> str:
    return "" if tree.meta.empty else f" at column {tree.meta.column}"


def _trees(tree: Tree[Token]) -> list[Tree[Token]]:
    return list(_only_trees(tree))


def _only_trees(tree: Tree[Token]) -> Iterator[Tree[Token]]:
    for child in tree.children:
        if isinstance(child, Tree):
            yield child


def _key(tree: Tree[Token]) -> str | None:
    key = tree.children[1]
    if isinstance(key, Token):
        return str(key)
    inner = plain(key)
    literal = inner.children[0] if inner.data == "primary" else inner
    if not (isinstance(literal, Tree) and literal.data == "literal" and isinstance(token := literal.children[0], Token)):
        return None
    if token.type != "STRING_LIT" or "\\" in token or token[0] in "rR":
        return None
    return str(ast.literal_eval(str(token)))
