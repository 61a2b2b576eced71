"""How often a pattern may look at one place of a text, read off the pattern itself."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from re import _constants as codes
    from re import _parser as parser


def patterns_in(module: ModuleType) -> Iterator[re.Pattern[str]]:
    """All that the module holds, in tables too."""
    for value in vars(module).values():
        yield from _inside(value)


def _inside(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _inside(item)
    elif not isinstance(value, ModuleType | type):
        for name in getattr(type(value), "__slots__", ()):
            yield from _inside(getattr(value, name, None))


def ways(pattern: re.Pattern[str]) -> int:
    """A bound for the ways in which the pattern may be tried from one place before it is given up. Fails for a repetition without a bound
    that can be taken back, and for one inside another, whose ways would multiply without a bound worth the name."""
    return _ways(parser.parse(pattern.pattern, pattern.flags), pattern.pattern)


def _ways(items: Any, whole: str) -> int:
    result = 1
    for code, what in items:
        result *= _of(code, what, whole)
    return result


def _of(code: Any, what: Any, whole: str) -> int:
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        least, most, inner = what
        assert most is not codes.MAXREPEAT, f"a repetition without a bound in {whole}"
        ways_inside = _ways(inner, whole)
        assert ways_inside == 1 or most <= 4, f"a repetition of what can be matched in {ways_inside} ways in {whole}"
        return int((most - least + 1) * ways_inside**most)
    if code in (codes.POSSESSIVE_REPEAT, codes.ATOMIC_GROUP):
        _ways(what[2] if code is codes.POSSESSIVE_REPEAT else what, whole)
        return 1
    if code is codes.SUBPATTERN:
        return _ways(what[3], whole)
    if code is codes.BRANCH:
        return max(_ways(branch, whole) for branch in what[1])
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return _ways(what[1], whole)
    return 1
