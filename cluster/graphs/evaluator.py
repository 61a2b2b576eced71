"""celpy's evaluator of parse trees, held to a time and a size, with our operators and functions and errors that name what is missing.

celpy's interpreter is used, not its transpiler: nothing is compiled to Python, and ``exec`` is nowhere on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from celpy import celtypes
from celpy.evaluation import Activation, CELEvalError, Evaluator
from lark import Token, Tree

from cluster.errors import BadInput
from cluster.graphs.functions import FUNCTIONS
from cluster.graphs.operators import OPERATORS, careful
from cluster.graphs.reading import MACROS, TYPES, path_of, plain
from cluster.graphs.values import is_bool, kind_of, listed

LOOK_EVERY = 64


class Evaluation(Evaluator):
    """One evaluation. ``names``: values of CEL by name; ``present``: keys of the roots, for messages."""

    def __init__(self, tree: Tree[Token], names: Mapping[str, Any], present: Mapping[str, Any], *, seconds: float, most: int) -> None:
        super().__init__(tree, cast("Activation", _Operators()))
        self.names = dict(names)
        self.present = present
        self.seconds, self.most = seconds, most
        self.until = time.thread_time() + seconds
        self.visits = 0

    def visit(self, tree: Tree[Token]) -> Any:
        self.visits += 1
        if self.visits % LOOK_EVERY == 0 and time.thread_time() > self.until:
            raise BadInput(f"it takes more than {self.seconds:g} s of computing (graphs.expression_s); make its lists smaller")
        value = super().visit(plain(tree))
        if isinstance(value, (str, list)) and len(value) > self.most:
            raise BadInput(f"a text or list in it has more than {self.most} characters or items (graphs.value_bytes)")
        return value

    def literal(self, tree: Tree[Token]) -> Any:
        token = cast("Token", tree.children[0])
        if token.type == "MLSTRING_LIT" and token[0] not in "rR":  # celpy leaves the ends of lines out
            token = Token.new_borrow_pos(token.type, token.replace("\r\n", "\n").replace("\n", "\\n"), token)
            tree = Tree(tree.data, [token], tree.meta)
        return super().literal(tree)

    def ident_value(self, name: str, root_scope: bool = False) -> Any:
        if name in self.names:
            return self.names[name]
        if name in TYPES:
            return _TYPES[name]
        return CELEvalError(f"there is no '{name}' here; there are: {listed(self.names)}")

    def member_dot(self, tree: Tree[Token]) -> Any:
        before, key = cast("tuple[Tree[Token], Token]", tuple(tree.children))
        member = self.visit(before)
        if isinstance(member, CELEvalError):
            return member
        where = ".".join(path_of(before) or ()) or "the value"
        if not isinstance(member, dict):
            return CELEvalError(f"{where} is {kind_of(member)} and has no key '{key}'")
        if str(key) not in member:
            return CELEvalError(missing(where, str(key), self.present.get(where, member)))
        return member[str(key)]

    def mapinits(self, tree: Tree[Token]) -> Any:
        values = self.visit_children(tree)
        for value in values:
            if isinstance(value, CELEvalError):
                return value
        pairs: Any = celtypes.MapType()
        for key, value in zip(values[0::2], values[1::2], strict=True):
            if not isinstance(key, str):
                return CELEvalError(f"a key of a map is {kind_of(key)}; keys are texts")
            pairs[key] = value
        return pairs

    def member_dot_arg(self, tree: Tree[Token]) -> Any:
        before, name, *rest = tree.children
        if str(name) not in MACROS:
            return super().member_dot_arg(tree)
        variable, body = cast("Tree[Token]", rest[0]).children
        items = self.visit(cast("Tree[Token]", before))
        if isinstance(items, CELEvalError):
            return items
        if not isinstance(items, (list, dict)):
            return CELEvalError(f"'{name}' takes a list or a map, found {kind_of(items)}")
        bound = (path_of(cast("Tree[Token]", variable)) or ("",))[0]
        return _MACROS[str(name)](list(items), partial(self._within, bound, cast("Tree[Token]", body)))

    def function_eval(self, name_token: Token, exprlist: Any = None) -> Any:
        return self._call(str(name_token), list(exprlist or []))

    def method_eval(self, object: Any, method_ident: Token, exprlist: Any = None) -> Any:  # noqa: A002 - the name is celpy's
        if isinstance(exprlist, CELEvalError):
            return exprlist
        return self._call(str(method_ident), [object, *(exprlist or [])])

    def _call(self, name: str, arguments: list[Any]) -> Any:
        function = FUNCTIONS[name]
        return careful(partial(function.call, self.most) if function.grows else function.call)(*arguments)

    def _within(self, name: str, body: Tree[Token], value: Any) -> Any:
        before = self.names
        self.names = {**before, name: value}
        try:
            return self.visit(body)
        finally:
            self.names = before


class _Operators:
    """All that celpy's evaluator asks of its activation here."""

    def resolve_function(self, name: str) -> Callable[..., Any]:
        return OPERATORS[name]


def missing(where: str, key: str, present: Mapping[str, Any]) -> str:
    """That ``key`` is not there, and what is."""
    yet = " yet" if where == "state" else ""
    return f"{where} has no '{key}'{yet}; it has: {listed(present)}"


_TYPES: Mapping[str, Any] = {
    "bool": celtypes.BoolType,
    "double": celtypes.DoubleType,
    "duration": celtypes.DurationType,
    "int": celtypes.IntType,
    "list": celtypes.ListType,
    "map": celtypes.MapType,
    "null_type": type(None),
    "string": celtypes.StringType,
    "timestamp": celtypes.TimestampType,
    "type": celtypes.TypeType,
}
Each = Callable[[Any], Any]


def _map(items: list[Any], each: Each) -> Any:
    results = []
    for item in items:
        result = each(item)
        if isinstance(result, CELEvalError):
            return result
        results.append(result)
    return celtypes.ListType(results)


def _truth(each: Each, item: Any) -> Any:
    held = each(item)
    if isinstance(held, CELEvalError) or is_bool(held):
        return held
    return CELEvalError(f"the condition is {kind_of(held)} for an item, not true or false")


def _filter(items: list[Any], each: Each) -> Any:
    kept = []
    for item in items:
        held = _truth(each, item)
        if isinstance(held, CELEvalError):
            return held
        if held:
            kept.append(item)
    return celtypes.ListType(kept)


def _some(items: list[Any], each: Each, wanted: bool) -> Any:
    """Whether the condition is ``wanted`` for one; an error counts only where there is none, as CEL has it."""
    failed: CELEvalError | None = None
    for item in items:
        held = _truth(each, item)
        if isinstance(held, CELEvalError):
            failed = failed or held
        elif bool(held) == wanted:
            return celtypes.BoolType(wanted)
    return failed or celtypes.BoolType(not wanted)


def _one(items: list[Any], each: Each) -> Any:
    kept = _filter(items, each)
    return kept if isinstance(kept, CELEvalError) else celtypes.BoolType(len(kept) == 1)


_MACROS: Mapping[str, Callable[[list[Any], Each], Any]] = {
    "map": _map,
    "filter": _filter,
    "all": partial(_some, wanted=False),
    "exists": partial(_some, wanted=True),
    "exists_one": _one,
}
