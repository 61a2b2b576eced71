"""Operators of expressions, over JSON: whole and other numbers compare and add up with each other, values of different kinds are unequal
(and not an error), texts and lists are joined by ``+``. What does not fit is said in words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from celpy import celtypes
from celpy.evaluation import CELEvalError

from cluster.graphs.values import Wrong, is_bool, is_number, kind_of, listed, weigh

COMPARED = 2_000_000  # characters of a list or map that is compared
TIMES = (celtypes.TimestampType, celtypes.DurationType)


def equal(left: Any, right: Any) -> bool:
    if is_bool(left) or is_bool(right):
        return is_bool(left) and is_bool(right) and bool(left) == bool(right)
    if is_number(left) and is_number(right):
        return _plain(left) == _plain(right)
    if isinstance(left, str) and isinstance(right, str):
        return str.__eq__(left, right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(one, other) for one, other in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return left is right or (type(left) is type(right) and isinstance(left, TIMES) and bool(left == right))


def before(left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return _plain(left) < _plain(right)
    if isinstance(left, str) and isinstance(right, str):
        return str.__lt__(left, right)
    if type(left) is type(right) and (is_bool(left) or isinstance(left, TIMES)):
        return bool(left < right)
    raise Wrong(f"{kind_of(left)} and {kind_of(right)} have no order")


def _plain(number: Any) -> int | float:
    return int(number) if isinstance(number, int) else float(number)


def _same(left: Any, right: Any) -> Any:
    for side in (left, right):
        if isinstance(side, (list, dict)):
            weigh(side, COMPARED)
    return celtypes.BoolType(equal(left, right))


def _within(item: Any, container: Any) -> Any:
    if isinstance(container, str):
        raise Wrong("'in' takes a list or a map, found a text; use text.contains(part)")
    if not isinstance(container, (list, dict)):
        raise Wrong(f"'in' takes a list or a map, found {kind_of(container)}")
    weigh(container, COMPARED)
    return celtypes.BoolType(any(equal(item, one) for one in container))


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, list):
        return celtypes.ListType([*left, *right])
    if isinstance(left, str) and isinstance(right, str):
        return celtypes.StringType(str.__add__(left, right))
    if isinstance(left, TIMES) and isinstance(right, TIMES):
        return left + right
    if isinstance(left, str) or isinstance(right, str):
        raise Wrong(f"'+' cannot join {kind_of(left)} and {kind_of(right)}; write string(...) around what is not a text")
    return _numbers("+", operator.add)(left, right)


def _subtract(left: Any, right: Any) -> Any:
    if isinstance(left, TIMES) and isinstance(right, TIMES):
        return operator.sub(left, right)
    return _numbers("-", operator.sub)(left, right)


def _numbers(sign: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def calculate(left: Any, right: Any) -> Any:
        if not (is_number(left) and is_number(right)):
            raise Wrong(f"'{sign}' takes numbers, found {kind_of(left)} and {kind_of(right)}")
        if isinstance(left, int) != isinstance(right, int):
            left, right = celtypes.DoubleType(float(left)), celtypes.DoubleType(float(right))
        return function(left, right)

    return calculate


def _negative(value: Any) -> Any:
    if not is_number(value):
        raise Wrong(f"'-' takes a number, found {kind_of(value)}")
    return operator.neg(value)


def _not(value: Any) -> Any:
    if not is_bool(value):
        raise Wrong(f"'!' takes true or false, found {kind_of(value)}")
    return celtypes.BoolType(not value)


def _at(container: Any, key: Any) -> Any:
    if isinstance(container, dict):
        if key not in container:
            raise Wrong(f"there is no key {key!s:.100}; there are: {listed(container)}")
        return container[key]
    if not isinstance(container, list):
        raise Wrong(f"[...] takes a list or a map before it, found {kind_of(container)}")
    if not isinstance(key, int) or is_bool(key):
        raise Wrong(f"the place in a list is a whole number, found {kind_of(key)}")
    if not 0 <= key < len(container):
        raise Wrong(f"there is no item {int(key)} in a list of {len(container)}; the first is 0")
    return container[key]


def careful(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` as celpy wants it: errors are values, both those that come in and those that it raises."""

    def called(*values: Any) -> Any:
        for value in values:
            if isinstance(value, CELEvalError):
                return value
        try:
            return function(*values)
        except Wrong as error:
            return CELEvalError(str(error))
        except ZeroDivisionError:
            return CELEvalError("it divides by zero")
        except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as error:
            kinds = ", ".join(kind_of(value) for value in values)
            return CELEvalError(f"{str(error)[:200] or type(error).__name__} (given: {kinds})")

    return called


def _logic(sign: str, decisive: bool) -> Callable[[Any, Any], Any]:
    """``false && x`` is false whatever x is, an error included, as CEL has it."""

    def decide(left: Any, right: Any) -> Any:
        sides = (left, right)
        if any(is_bool(side) and bool(side) == decisive for side in sides):
            return celtypes.BoolType(decisive)
        for side in sides:
            if isinstance(side, CELEvalError):
                return side
        if not all(map(is_bool, sides)):
            return CELEvalError(f"'{sign}' takes true or false, found {kind_of(left)} and {kind_of(right)}")
        return celtypes.BoolType(not decisive)

    return decide


def _choose(condition: Any, yes: Any, no: Any) -> Any:
    if isinstance(condition, CELEvalError):
        return condition
    if not is_bool(condition):
        return CELEvalError(f"what stands before '?' is {kind_of(condition)}, not true or false")
    return yes if condition else no


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "!_": careful(_not),
    "-_": careful(_negative),
    "_+_": careful(_add),
    "_-_": careful(_subtract),
    "_*_": careful(_numbers("*", operator.mul)),
    "_/_": careful(_numbers("/", operator.truediv)),
    "_%_": careful(_numbers("%", operator.mod)),
    "_<_": careful(lambda left, right: celtypes.BoolType(before(left, right))),
    "_<=_": careful(lambda left, right: celtypes.BoolType(not before(right, left))),
    "_>_": careful(lambda left, right: celtypes.BoolType(before(right, left))),
    "_>=_": careful(lambda left, right: celtypes.BoolType(not before(left, right))),
    "_==_": careful(_same),
    "_!=_": careful(lambda left, right: celtypes.BoolType(not _same(left, right))),
    "_in_": careful(_within),
    "_[_]": careful(_at),
    "_&&_": _logic("&&", decisive=False),
    "_||_": _logic("||", decisive=True),
    "_?_:_": _choose,
}
