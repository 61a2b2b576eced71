"""Check digits: each says of digits whether they belong together."""

from __future__ import annotations

from collections.abc import Sequence


def luhn(digits: str) -> bool:
    """Credit cards, and Swedish personal numbers."""
    doubled = (sum(divmod(int(digit) * 2, 10)) if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def mod97(text: str) -> bool:
    """IBANs, without spaces, in upper case (ISO 7064 mod 97-10)."""
    turned = text[4:] + text[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def mod11_10(digits: str) -> bool:
    """Of all digits, the last one checks the others (ISO 7064 mod 11,10): German tax ids."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of the digits, each by its weight; what has no weight does not count."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def ean(digits: str) -> bool:
    """13 digits, the last one checks: Swiss AHV numbers."""
    return weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0
