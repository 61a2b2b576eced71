"""One place in a text that tells who somebody is, and how such places are made out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cluster.specs.guard import PiiKind

# What is less sure is not reported.
SURE_ENOUGH = 0.5
# How far back is looked for a word that says what a number is.
BACK = 32


@dataclass(frozen=True, slots=True)
class Finding:
    """``start`` and ``end``: characters of the text. ``confidence``: 0 to 1."""

    kind: PiiKind
    start: int
    end: int
    confidence: float


# Finds all of one kind in a text. ``region``: the country whose numbers may be written without the code of a country.
Finder = Callable[[str, str], Iterator[Finding]]

_BARE = re.compile(r"[\s./()\u00a0\u2010-\u2015-]++")
# Words after which a number is one of something that is nobody.
_OF_THINGS = re.compile(
    r"(?:order|bestell\w{0,12}|auftrag\w{0,12}|invoice|rechnung\w{0,12}|ticket|tracking|sendung\w{0,12}|isbn|issn|sku|serial|seriennummer"
    r"|artikel\w{0,12}|version|build|release|commit|batch|charge|part|model|modell|case|vorgang\w{0,12}|aktenzeichen|reference|referenz|ref"
    r"|kundennummer|customer|item|product|produkt|ean|gtin|barcode|imei|timestamp|epoch|doi|patent|room|firmware|lot|commande|pedido|factura|facture)"
    r"(?:[ -]?(?:nr|no|number|nummer|id|code|num[eé]ro|n[uú]mero))?[\s.:#=°º\"'-]{0,6}$",
    re.IGNORECASE,
)


def bare(piece: str) -> str:
    """Without what groups of digits are set apart by."""
    return _BARE.sub("", piece)


def before(text: str, start: int) -> str:
    """What stands right before, as far as it may say what follows."""
    return text[max(0, start - BACK) : start]


def is_of_things(text: str, start: int) -> bool:
    """Is what begins at ``start`` called the number of an order, a version, a book?"""
    return _OF_THINGS.search(before(text, start)) is not None
