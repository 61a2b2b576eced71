"""E-mail addresses, phone numbers, addresses of machines."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import phonenumbers

from cluster.guard.finding import Finding, bare, before, is_of_things

_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~-])(?:mailto:)?([\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]{0,63}+"
    r"(?:@|\uff20|\s?[\[({]\s?(?:at|ät)\s?[\])}]\s?)"
    r"(?>[^\W_][\w-]{0,62}+(?:\.(?=[^\W_])|\s?[\[({]\s?(?:dot|punkt)\s?[\])}]\s?)){1,8}[^\W\d_]{2,24}+)(?![\w@-])",
    re.IGNORECASE,
)
# Files such as icon@2x.png, and what comes after a package's name.
_NO_DOMAINS = frozenset("png jpg jpeg gif svg webp avif js css ts json py md html xml yaml yml txt pdf zip exe".split())

_IN_URL = re.compile(r"://[^\s/@]{0,32}$")
# Atomic: how a number is set apart is never tried in two ways.
_SEPARATOR = r"(?>[ \u00a0]?[-./\u2010-\u2015][ \u00a0]?|[ \u00a0]?\([0-9]{1,5}\)[ \u00a0]?|\)?[ \u00a0]?[-/]?)"
_PHONE = re.compile(
    rf"(?<![\w#.+:-])(?<!\d[ /])(?:tel:)?((?:\+|\(\+?|00)?(?:{_SEPARATOR}[0-9]){{6,40}})(?![\w%€$]|[.,:-]\d)", re.IGNORECASE
)
_PHONE_PIECE = re.compile(r"\s[-/\u2010-\u2015]\s")
_CALLED = re.compile(
    r"(?:phone|tel(?:e[fp]h?on\w{0,8}|efax)?|fon|fax|mobile?\w{0,6}|handy\w{0,6}|cell|call|dial|sms|whatsapp|signal|ring|hotline|t[eé]l[eé]phone"
    r"|t[eé]l|portable|m[oó]vil|rufnummer|durchwahl|kontakt|contact|anruf\w{0,4}|reach \w{1,6}|erreichbar|erreichen)"
    r"(?:[ -]?(?:nr|no|number|nummer))?\b[^\d\n]{0,16}$",
    re.IGNORECASE,
)
_NO_PHONE = re.compile(
    # Dates, times, addresses of machines, versions, prices.
    r"\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}(?:\D|$)|(?:19|20)\d{2}[./ -](?:0\d|1[0-2])[./ -][0-3]\d(?:\D|$)"
    r"|\d{3}-\d{2}-\d{4}$|\d{1,3}(?:\.\d{1,3}+){2,6}$|(?:19|20)\d{2}\D{1,3}(?:19|20)\d{2}$"
    r"|\d{1,3}(?:[. ]\d{3}){1,6}$|97[89][- ]?\d{1,5}[- ]"
)

_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}+:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
_VERSIONED = re.compile(r"(?:version|v|release|build|firmware|driver|ver|section|chapter|kapitel|abschnitt|§)[\s.:=]{0,3}$", re.IGNORECASE)


def emails(text: str, region: str) -> Iterator[Finding]:
    """Plain ones, and such as `name [at] example [dot] org`."""
    del region
    for match in _EMAIL.finditer(text):
        address = match[1]
        ending = re.split(r"[.\])}\s]", address)[-1].lower()
        if ending in _NO_DOMAINS or ".." in address:
            continue
        # git@host:path is nobody, and what stands before the host of a URL is a password.
        if address.lower().startswith("git@") and text[match.end() : match.end() + 1] == ":":
            continue
        if _IN_URL.search(before(text, match.start(1))):
            continue
        yield Finding("email", *match.span(1), 0.95)


def phones(text: str, region: str) -> Iterator[Finding]:
    """Numbers that exist by the plans of the countries. Those with the code of a country are surest; of others how they are written, and
    a word before them, must say that they are one."""
    for match in _PHONE.finditer(text):
        start, piece = match.start(1), match[1]
        if (lead := len(piece) - len(piece.lstrip(" \u00a0-./"))) > 0:
            start, piece = start + lead, piece[lead:]
        yield from _phone(text, start, piece, region)


def _phone(text: str, start: int, piece: str, region: str) -> Iterator[Finding]:
    """The piece as a whole; else the numbers that it is a list of; else what is left without a last group, which may be another number."""
    parts = _PHONE_PIECE.split(piece)
    for candidates in ([piece], parts if len(parts) > 1 else [piece.rpartition(" ")[0]]):
        found, at = [], 0
        for part in candidates:
            place = piece.index(part, at)
            at = place + len(part)
            if confidence := _phone_confidence(text, start + place, part, region):
                found.append(Finding("phone", start + place, start + at, confidence))
        if found:
            yield from found
            return


def _phone_confidence(text: str, start: int, piece: str, region: str) -> float:
    called = _CALLED.search(before(text, start)) is not None
    abroad = piece.startswith(("+", "(+", "00"))
    if not called and ((not abroad and _NO_PHONE.match(piece)) or (is_of_things(text, start) and not piece.startswith(("+", "(+")))):
        return 0.0
    digits = bare(piece).lstrip("+")
    if not 7 <= len(digits) <= 17 or len(set(digits)) < 3:
        return 0.0
    try:
        number = phonenumbers.parse(piece.replace("(0)", " ") if abroad else piece, region)
    except phonenumbers.NumberParseException:
        return 0.0
    if not phonenumbers.is_valid_number(number):
        return 0.0
    if abroad:
        return 0.95 if piece.startswith(("+", "(+")) else 0.7
    if called:
        return 0.85
    return 0.6 if _written_as_phone(piece, region) else 0.0


def _written_as_phone(piece: str, region: str) -> bool:
    """A number without a word before it: with the area set apart, and the way its country writes it."""
    groups = [group for group in re.split(r"\D+", piece) if group]
    if phonenumbers.country_code_for_region(region) == 1:
        return [len(group) for group in groups] == [3, 3, 4] and not re.fullmatch(r"[\d ]+", piece)
    return piece.startswith(("0", "(0")) and 2 <= len(groups) <= 6 and 3 <= len(groups[0]) <= 6


def addresses(text: str, region: str) -> Iterator[Finding]:
    """Addresses of machines that may be somebody's: not those of the machine itself, masks of networks, and versions."""
    del region
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            confidence = _address_confidence(text, match)
            if confidence:
                yield Finding("ip_address", *match.span(), confidence)


def _address_confidence(text: str, match: re.Match[str]) -> float:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return 0.0
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return 0.0
    if isinstance(address, ipaddress.IPv6Address):
        groups = [group for group in match.group().split(":") if group]
        return 0.9 if len(groups) >= 3 and any(character.isdigit() for character in match.group()) else 0.0
    if address.is_reserved or int(address) < 2**24 or _VERSIONED.search(before(text, match.start())) or is_of_things(text, match.start()):
        return 0.0
    return 0.85
