"""Numbers that a state gives to one person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from cluster.guard.check_digits import ean, luhn, mod11_10, weighted
from cluster.guard.finding import Finding, bare, before, is_of_things


@dataclass(frozen=True, slots=True)
class NationalId:
    """``valid``: of the number without separators, in upper case. ``confidence``: without a word that says what it is; with one (``named``)
    it is surer. 0: only with such a word."""

    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    confidence: float
    named: re.Pattern[str]


def _is_ssn(number: str) -> bool:
    """Of the United States: no check digit, but numbers that are never given."""
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000" and number not in {"078051120", "219099999"}


def _is_steuer_id(number: str) -> bool:
    """Of Germany: of the first ten digits one comes twice or three times, all others once at most."""
    counts = sorted((number[:10].count(digit) for digit in set(number[:10])), reverse=True)
    return number[0] != "0" and counts[0] in {2, 3} and counts[1] == 1 and mod11_10(number)


def _is_rentenversicherung(number: str) -> bool:
    """Of Germany: office, date of birth, letter, serial, check digit."""
    digits = number[:8] + f"{ord(number[8]) - 64:02d}" + number[9:11]
    total = sum(sum(divmod(int(digit) * factor, 10)) for digit, factor in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return total % 10 == int(number[11]) and 1 <= int(number[2:4]) <= 81 and 1 <= int(number[4:6]) <= 12


def _is_nino(number: str) -> bool:
    """Of the United Kingdom: no check digit, but letters that are never given."""
    return number[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _is_nhs(number: str) -> bool:
    check = 11 - weighted(number[:9], range(10, 1, -1)) % 11
    return check % 11 == int(number[9]) and check != 10


def _is_nir(number: str) -> bool:
    """Of France; Corsica's departments are written 2A and 2B."""
    digits = number.replace("2A", "19").replace("2B", "18")
    return digits.isdigit() and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _is_dni(number: str) -> bool:
    """Of Spain, a foreigner's (NIE) included."""
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return number[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
    strict=True))  # fmt: skip


def _is_codice_fiscale(number: str) -> bool:
    """Of Italy."""
    odd = sum(_ODD[letter] for letter in number[0:15:2])
    even = sum(int(letter) if letter.isdigit() else ord(letter) - 65 for letter in number[1:15:2])
    return ord(number[15]) - 65 == (odd + even) % 26


def _is_pesel(number: str) -> bool:
    """Of Poland."""
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[int(number[2]) // 2]
    born = _is_date(century + int(number[:2]), int(number[2:4]) % 20, int(number[4:6]))
    return born and weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _is_bsn(number: str) -> bool:
    """Of the Netherlands."""
    return weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(number) > 0


def _is_personnummer(number: str) -> bool:
    """Of Sweden."""
    short = number.replace("+", "")[-10:]
    return luhn(short) and 1 <= int(short[2:4]) <= 12 and 1 <= int(short[4:6]) <= 31


def _is_cpf(number: str) -> bool:
    """Of Brazil."""
    first = weighted(number, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(number, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(number)) > 1 and number[9:] == f"{first}{second}"


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _id(pattern: str, valid: Callable[[str], bool], confidence: float, named: str) -> NationalId:
    whole = rf"(?<![\w.+-])(?<!\d[ /]){pattern}(?![\w-]|[.,/]\d)"
    word = rf"(?:{named})\b[^\d\n]{{0,20}}$"
    return NationalId(re.compile(whole, re.IGNORECASE | re.ASCII), valid, confidence, re.compile(word, re.IGNORECASE))


IDS: tuple[NationalId, ...] = (
    _id(r"\d{3}-\d{2}-\d{4}", _is_ssn, 0.8, "ssn|social security|taxpayer"),
    _id(r"\d{3}[ ]?\d{2}[ ]?\d{4}", _is_ssn, 0, "ssn|social security(?: number)?|taxpayer"),
    _id(r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", _is_steuer_id, 0.7, r"steuer-?id\w{0,20}|identifikationsnummer|idnr|tin|tax id"),
    _id(r"\d{2}[ ]?\d{6}[ ]?[a-z][ ]?\d{3}", _is_rentenversicherung, 0.85, r"(?:renten|sozial)versicherung\w{0,12}|sv-nummer"),
    _id(r"[a-ceghj-prtw-z][a-ceghj-nprtw-z][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[a-d]", _is_nino, 0.75, "nino|national insurance"),
    _id(r"\d{3}[ -]?\d{3}[ -]?\d{4}", _is_nhs, 0, r"nhs(?: number| no\.?)?"),
    _id(r"[1-478][ ]?\d{2}[ ]?(?:0[1-9]|1[0-2]|[2-9]\d)[ ]?(?:\d{2}|2[ab])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}", _is_nir, 0.8, "nir|sociale|insee"),
    _id(r"(?:\d{8}|[xyz][ -]?\d{7})[ -]?[a-hj-np-tv-z]", _is_dni, 0.75, "dni|nie|nif"),
    _id(r"[a-z]{6}\d{2}[abcdehlmprst]\d{2}[a-z]\d{3}[a-z]", _is_codice_fiscale, 0.9, "codice fiscale"),
    _id(r"\d{11}", _is_pesel, 0.6, "pesel"),
    _id(r"\d{9}", _is_bsn, 0, "bsn|burgerservicenummer|sofinummer"),
    _id(r"(?:19|20)?\d{6}[-+]\d{4}", _is_personnummer, 0.75, "personnummer"),
    _id(r"756\.\d{4}\.\d{4}\.\d{2}", ean, 0.95, "ahv|avs"),
    _id(r"\d{3}\.\d{3}\.\d{3}-\d{2}", _is_cpf, 0.9, "cpf"),
)  # fmt: skip


def national_ids(text: str, region: str) -> Iterator[Finding]:
    """Numbers of persons with the right check digit, or, where a country has none, of its form."""
    del region
    for kind in IDS:
        for match in kind.pattern.finditer(text):
            if not kind.valid(bare(match.group()).upper()):
                continue
            if kind.named.search(before(text, match.start())):
                yield Finding("national_id", *match.span(), 0.97)
            elif kind.confidence and not is_of_things(text, match.start()):
                yield Finding("national_id", *match.span(), kind.confidence)
