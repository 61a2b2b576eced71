from __future__ import annotations

import random

import pytest

from cluster.guard.check_digits import ean, luhn, mod11_10, mod97

VALID = {luhn: "4111111111111111", mod97: "DE89370400440532013000", mod11_10: "86095742719", ean: "7569217076985"}


@pytest.mark.parametrize(("check", "number"), VALID.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_right_number_passes_and_each_with_one_wrong_digit_fails(check, number):
    assert check(number)
    for place, letter in enumerate(number):
        if letter.isdigit():
            for other in set("0123456789") - {letter}:
                assert not check(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize("check", [luhn, mod11_10, ean])
def test_one_of_ten_random_numbers_passes(check):
    draw = random.Random(7)
    length = len(VALID[check])
    passed = sum(check("".join(draw.choice("0123456789") for _ in range(length))) for _ in range(5000))
    assert 400 <= passed <= 600
