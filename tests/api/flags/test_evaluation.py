from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from api.flags.evaluation import evaluate
from api.flags.schemas import FlagBody


def flag(*rules: Mapping[str, object], **fields: object) -> FlagBody:
    return FlagBody.model_validate({"rules": list(rules), **fields})


def got(flag: FlagBody, key: str = "page", **context: object) -> tuple[str, str]:
    answer = evaluate(key, flag, {"targetingKey": "mira", **context})
    assert answer.value == flag.variants[answer.variant]
    return answer.variant, answer.reason


def test_without_rules_everybody_gets_the_default():
    assert got(flag()) == ("off", "STATIC")
    assert got(flag(default="on")) == ("on", "STATIC")


def test_the_first_rule_that_fits_decides():
    rules = ({"where": {"plan": ["large", "huge"], "role": ["admin"]}, "variant": "on"}, {"where": {"plan": ["huge"]}, "variant": "off"})
    assert got(flag(*rules), plan="huge", role="admin") == ("on", "TARGETING_MATCH")
    assert got(flag(*rules), plan="huge", role="viewer") == ("off", "TARGETING_MATCH")
    assert got(flag(*rules), plan="small", role="admin") == ("off", "DEFAULT")
    assert got(flag(*rules)) == ("off", "DEFAULT")


def test_a_flag_that_is_off_asks_no_rule():
    assert got(flag({"variant": "on"}, enabled=False)) == ("off", "DISABLED")


def test_values_are_compared_as_json_has_them():
    rule = {"where": {"beta": [True]}, "variant": "on"}
    assert got(flag(rule), beta=True) == ("on", "TARGETING_MATCH")
    for other in (1, "true", None, [True]):
        assert got(flag(rule), beta=other) == ("off", "DEFAULT")


def test_a_split_gives_each_variant_its_share_and_everybody_the_same_again():
    tried = flag({"split": {"a": 20, "b": 50, "c": 30}}, variants={"a": "x", "b": "y", "c": "z"}, default="a")
    found = {f"user-{number}": got(tried, targetingKey=f"user-{number}") for number in range(4000)}
    assert found == {user: got(tried, targetingKey=user) for user in found}
    assert {reason for _, reason in found.values()} == {"SPLIT"}
    shares = Counter(variant for variant, _ in found.values())
    # Four standard deviations of 4000 draws are 127 at most.
    for variant, percent in (("a", 20), ("b", 50), ("c", 30)):
        assert shares[variant] == pytest.approx(4000 * percent / 100, abs=127)


def test_who_has_a_variant_keeps_it_as_its_share_grows():
    few, many = flag({"split": {"on": 10, "off": 90}}), flag({"split": {"on": 40, "off": 60}})
    users = [f"user-{number}" for number in range(1000)]
    early = {user for user in users if got(few, targetingKey=user)[0] == "on"}
    assert early < {user for user in users if got(many, targetingKey=user)[0] == "on"}


def test_two_flags_fall_independently():
    half = flag({"split": {"on": 50, "off": 50}})
    users = [f"user-{number}" for number in range(2000)]
    both = Counter((got(half, "one", targetingKey=user)[0], got(half, "other", targetingKey=user)[0]) for user in users)
    # Four standard deviations of 2000 draws are 78.
    assert all(count == pytest.approx(500, abs=78) for count in both.values())
    assert len(both) == 4


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"default": "maybe"}, "no variant 'maybe'"),
        ({"rules": [{"variant": "maybe"}]}, "no variant 'maybe'"),
        ({"rules": [{"split": {"on": 60, "maybe": 40}}]}, "no variant 'maybe'"),
        ({"rules": [{"split": {"on": 60, "off": 30}}]}, "not 90"),
        ({"rules": [{}]}, "either `variant` or `split`"),
        ({"rules": [{"variant": "on", "split": {"on": 100}}]}, "either `variant` or `split`"),
        ({"variants": {"on": True, "off": "no"}}, "all booleans"),
        ({"variants": {"on": None, "off": None}}, "all booleans"),
        ({"variants": {}}, "at least 1"),
    ],
)
def test_a_flag_that_does_not_hold_together_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        FlagBody.model_validate(fields)
