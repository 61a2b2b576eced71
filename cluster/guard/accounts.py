"""Bank accounts and credit cards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.guard.check_digits import luhn, mod97
from cluster.guard.finding import Finding, before, is_of_things

# Length of an IBAN by country, of the registry of SWIFT.
IBAN_LENGTHS = dict(
    AD=24, AE=23, AL=28, AT=20, AZ=28, BA=20, BE=16, BG=22, BH=22, BI=27, BR=29, BY=28, CH=21, CR=22, CY=28, CZ=24, DE=22, DJ=27, DK=18,
    DO=28, EE=20, EG=29, ES=24, FI=18, FK=18, FO=18, FR=27, GB=22, GE=22, GI=23, GL=18, GR=27, GT=28, HR=21, HU=28, IE=22, IL=23, IQ=23,
    IS=26, IT=27, JO=30, KW=30, KZ=20, LB=28, LC=32, LI=21, LT=20, LU=20, LV=21, LY=25, MC=27, MD=24, ME=22, MK=19, MN=20, MR=27, MT=31,
    MU=30, NI=28, NL=18, NO=15, OM=23, PK=24, PL=28, PS=29, PT=25, QA=29, RO=24, RS=22, RU=33, SA=24, SC=31, SD=18, SE=24, SI=19, SK=24,
    SM=27, SO=23, ST=25, SV=28, TL=23, TN=24, TR=26, UA=29, VA=22, VG=24, XK=20, YE=30,
)  # fmt: skip
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ \u00a0.-]?[A-Za-z0-9]){11,30}")
_IBAN_SPACE = re.compile(r"[ \u00a0.-]")

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
    wanted = IBAN_LENGTHS.get(match.group()[:2].upper())
    if wanted is None:
        return None
    characters = [(place, letter) for place, letter in enumerate(match.group(), match.start()) if letter.isalnum()][:wanted]
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
