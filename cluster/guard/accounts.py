"""Bank accounts and credit cards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.guard.check_digits import luhn, mod97
from cluster.guard.finding import Finding, before, is_of_things

# Length of an IBAN by country, of the registry of SWIFT.
IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
# Only looks ahead: what follows an IBAN may be the next one.
_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}\d{2}(?:[ \u00a0.-]?+[A-Za-z0-9]){11,30}+))")

_CARD = re.compile(
    r"(?<![\w.-])(?:\d{13,19}+|\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{2,4}(?:\1\d{3})?|\d{4}([ \u00a0-])\d{6}\2\d{4,5})(?![\w-]|[.,]\d)"
)
# First digits of a card by network, and how many digits it has.
_NETWORKS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (400000, 499999, frozenset({16, 19})),
    (510000, 559999, frozenset({16})),
    (222100, 272099, frozenset({16})),
    (340000, 349999, frozenset({15})),
    (370000, 379999, frozenset({15})),
    (601100, 601199, frozenset({16, 19})),
    (644000, 659999, frozenset({16, 19})),
    (352800, 358999, frozenset({16, 19})),
    (300000, 305999, frozenset({14, 16, 19})),
    (360000, 369999, frozenset({14, 16, 19})),
    (380000, 399999, frozenset({16, 19})),
    (620000, 629999, frozenset({16, 17, 18, 19})),
    (501800, 501899, frozenset({16, 18, 19})),
    (560000, 589999, frozenset({16, 18, 19})),
    (630400, 630499, frozenset({16, 18, 19})),
    (675900, 676399, frozenset({16, 18, 19})),
)
_PAID = re.compile(r"(?:card|karte\w{0,8}|visa|mastercard|amex|carte|tarjeta|cc|pan)[^\d\n]{0,16}$", re.IGNORECASE)


def ibans(text: str, region: str) -> Iterator[Finding]:
    """Of the length of their country, with the right check digits."""
    del region
    for match in _IBAN.finditer(text):
        end = _iban_end(text, match)
        if end:
            yield Finding("iban", match.start(), end, 0.98)


def _iban_end(text: str, match: re.Match[str]) -> int | None:
    """Where it ends; None where it is none. The match may have taken the words after it for a part."""
    wanted = IBAN_LENGTHS.get(match[1][:2].upper())
    if wanted is None:
        return None
    characters = [(place, letter) for place, letter in enumerate(match[1], match.start()) if letter.isalnum()][:wanted]
    end = characters[-1][0] + 1
    whole = "".join(letter for _, letter in characters).upper()
    if len(characters) < wanted or text[end : end + 1].isalnum() or not whole.isascii():
        return None
    return end if mod97(whole) else None


def cards(text: str, region: str) -> Iterator[Finding]:
    """Of a network that there is, with the right check digit, in one piece or in groups as cards have them."""
    del region
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        first, length = int(digits[:6]), len(digits)
        if not any(least <= first <= most and length in lengths for least, most, lengths in _NETWORKS):
            continue
        if not luhn(digits) or len(set(digits)) < 2:
            continue
        paid = _PAID.search(before(text, match.start())) is not None
        if paid or not is_of_things(text, match.start()):
            yield Finding("credit_card", *match.span(), 0.95 if paid or length != len(match.group()) else 0.8)
