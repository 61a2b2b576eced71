"""Which variant of a flag somebody gets.

OpenFeature's words and reasons (openfeature.dev/specification, "Flag evaluation" and appendix C, OFREP), so that any of its clients asks
here. Its in-process evaluator (flagd) was not taken: it reads rules as JsonLogic, in which a share that stays with its user cannot be
said without flagd's own additions, and which nobody writes by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from api.flags.schemas import Evaluation, FlagBody, Reason, Rule

BUCKETS = 10_000


def evaluate(key: str, flag: FlagBody, context: Mapping[str, object]) -> Evaluation:
    """``context``: has ``targetingKey``. The same key gets the same variant, for as long as the shares before it do not change."""
    variant, reason = _decide(key, flag, context)
    return Evaluation(key=key, value=flag.variants[variant], variant=variant, reason=reason)


def _decide(key: str, flag: FlagBody, context: Mapping[str, object]) -> tuple[str, Reason]:
    if not flag.enabled:
        return flag.default, "DISABLED"
    for rule in flag.rules:
        if _fits(rule, context):
            if rule.variant is not None:
                return rule.variant, "TARGETING_MATCH"
            return _share(key, rule.split or {}, str(context["targetingKey"])), "SPLIT"
    return flag.default, "DEFAULT" if flag.rules else "STATIC"


def _fits(rule: Rule, context: Mapping[str, object]) -> bool:
    """True is not 1 here, as in JSON."""
    return all(
        any(type(value) is type(context.get(name)) and value == context[name] for value in values) for name, values in rule.where.items()
    )


def _share(key: str, split: Mapping[str, int], targeting_key: str) -> str:
    """By a digest of flag and person: shares of two flags fall independently, and nothing has to be kept."""
    digest = hashlib.blake2b(f"{key}\0{targeting_key}".encode(), digest_size=8).digest()
    bucket = int.from_bytes(digest) % BUCKETS
    reached = 0
    for variant, percent in split.items():
        reached += percent * BUCKETS // 100
        if bucket < reached:
            return variant
    raise AssertionError("the shares are 100 together")
