"""Expressions of graphs: CEL over JSON values, to JSON values (see cluster/specs/nodes.py for what they see, functions.py for what they
can call). Whole numbers stay whole; a time becomes text in ISO 8601, a duration `90s`; there are no bytes and no clock, so that a run can
be repeated. One evaluation takes ``graphs.expression_s`` at most and its value ``graphs.value_bytes``.

``= expression`` as a value of arguments is an expression (``fill``); templates are in templates.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from celpy.celparser import CELParseError, CELParser
from celpy.evaluation import CELEvalError, CELSyntaxError, CELUnsupportedError
from lark import Token, Tree
from lark.exceptions import LarkError

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import BadInput
from cluster.graphs.evaluator import Evaluation, missing
from cluster.graphs.reading import ROOTS, Path, Reads, path_of, read
from cluster.graphs.values import Wrong, kind_of, to_cel, to_json
from cluster.settings.graphs import GraphSettings

# Values by name: ``input``, ``state``, ``run`` and, within a map, ``item`` and ``index``.
Scope = Mapping[str, Any]
SHOWN = 200
# Characters of an expression, and of a text that it reads, up to which it is done before one could notice.
BRIEF = 500
_CALLS = frozenset({"member_dot_arg", "ident_arg", "dot_ident_arg"})


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """``path``: where it is nothing but a name and keys. ``brief``: a few operators, and no calls."""

    text: str
    tree: Tree[Token]
    reads: Reads
    path: Path | None
    brief: bool


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """Raises BadInput naming the column, or the nearest name or function."""
    try:
        tree = CELParser().parse(text)
        path = path_of(tree)
        brief = len(text) <= BRIEF and not any(tree.find_pred(lambda part: part.data in _CALLS))
        return Expression(text, tree, read(tree), path if path is not None and path[0] in ROOTS else None, brief)
    except CELParseError as error:
        raise BadInput(_said(text, _unreadable(text, error.line, error.column))) from None
    except (Wrong, LarkError, RecursionError) as error:
        raise BadInput(_said(text, str(error) if isinstance(error, Wrong) else "it is no expression of CEL")) from None


def names_in(text: str) -> Reads:
    """What the expression reads. Raises BadInput as ``compile_expression`` does."""
    return compile_expression(text).reads


def is_quick(text: str, scope: Scope) -> bool:
    """Whether its value is found in less time than another thread takes to be woken: it only looks something up, or is brief and reads
    nothing but numbers, truths and short texts. Raises BadInput as ``compile_expression`` does."""
    expression = compile_expression(text)
    if expression.path is not None:
        return True
    return expression.brief and all(_is_short(_part(expression.reads, root, value)) for root, value in scope.items())


def _is_short(part: Any) -> bool:
    values = part.values() if isinstance(part, Mapping) and len(part) <= BRIEF else (part,)
    return all(
        value is None or (len(value) <= BRIEF if isinstance(value, str) else isinstance(value, bool | int | float)) for value in values
    )


def evaluate(text: str, scope: Scope, settings: GraphSettings) -> Json:
    """Raises BadInput saying what is missing or does not fit, and what there is."""
    expression = compile_expression(text)
    try:
        if expression.path is not None:
            return _at(expression.path, scope)
        return _compute(expression, scope, settings)
    except CELEvalError as error:
        raise BadInput(_said(text, str(error.args[0]) if error.args else "it cannot be evaluated")) from None
    except (Wrong, BadInput) as error:
        raise BadInput(_said(text, str(error))) from None
    except (
        CELSyntaxError,
        CELUnsupportedError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise BadInput(_said(text, f"it cannot be evaluated ({type(error).__name__})")) from None


def holds(text: str, scope: Scope, settings: GraphSettings) -> bool:
    """The value of a condition. Raises BadInput where it is neither true nor false."""
    value = evaluate(text, scope, settings)
    if not isinstance(value, bool):
        raise BadInput(_said(text, f"a condition is true or false, found {kind_of(value)}; compare it with something"))
    return value


def expression_of(value: object) -> str | None:
    """The expression in a value of arguments, None where it is a constant. ``"== x"`` is the text ``"= x"``."""
    return value[1:].strip() if isinstance(value, str) and value.startswith("=") and not value.startswith("==") else None


def fill(arguments: Mapping[str, Any], scope: Scope, settings: GraphSettings) -> JsonObject:
    """``arguments`` with the value of every ``= expression`` in its place, at any depth."""
    return {name: _filled(value, scope, settings) for name, value in arguments.items()}


def _filled(value: Any, scope: Scope, settings: GraphSettings) -> Json:
    if isinstance(value, dict):
        return {name: _filled(inner, scope, settings) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, scope, settings) for inner in value]
    expression = expression_of(value)
    if expression is not None:
        return evaluate(expression, scope, settings)
    return value[1:] if isinstance(value, str) and value.startswith("==") else value


def _at(path: Path, scope: Scope) -> Json:
    """What is only looked up is not turned into values of CEL and back: it may be large, and stays exactly as it is."""
    if path[0] not in scope:
        raise Wrong(f"there is no '{path[0]}' here; 'item' and 'index' are there within a map")
    value = scope[path[0]]
    for depth, key in enumerate(path[1:], 1):
        where = ".".join(path[:depth])
        if not isinstance(value, Mapping):
            raise Wrong(f"{where} is {kind_of(value)} and has no key '{key}'")
        if key not in value:
            raise Wrong(missing(where, key, value))
        value = value[key]
    return value  # type: ignore[no-any-return]


def _compute(expression: Expression, scope: Scope, settings: GraphSettings) -> Json:
    names = {root: to_cel(_part(expression.reads, root, scope[root])) for root in scope}
    most = int(settings.value_bytes)
    value = Evaluation(expression.tree, names, scope, seconds=settings.expression_s, most=most).evaluate()
    return to_json(value, most)


def _part(reads: Reads, root: str, value: Any) -> Any:
    """What the expression reads of a root; the rest of a large state is not turned into values of CEL for nothing."""
    if root in reads.bare:
        return value
    keys = reads.keys(root)
    return {key: value[key] for key in keys if key in value} if isinstance(value, Mapping) else value if keys else None


def _unreadable(text: str, line: int | None, column: int | None) -> str:
    if line is None or column is None or line < 1 or column < 1:
        return "it ends too early; is a bracket or a quotation mark missing?"
    lines = text.splitlines()
    place = f"line {line}, column {column}" if len(lines) > 1 else f"column {column}"
    rest = lines[line - 1][column - 1 : column + 19] if line <= len(lines) else ""
    return f"it cannot be read from {place} on, at `{rest}`" if rest else f"it ends too early, at {place}"


def _said(text: str, mistake: str) -> str:
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    return f"`{shown}`: {mistake}" + ("" if mistake.endswith(("?", ".")) else ".")
