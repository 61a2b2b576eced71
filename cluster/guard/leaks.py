"""Secrets: what opens a door by itself. Keys of known shapes, private keys, and what stands after a word such as password."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator

from cluster.guard.finding import Finding

_SHAPES = (
    r"hk_[\w-]{43}",  # ours
    r"sk-ant-[\w-]{20,200}",  # Anthropic
    r"sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,200}",  # OpenAI, and those that do as it does
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}",  # AWS
    r"gh[pousr]_[A-Za-z0-9]{36,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}",
    r"glpat-[\w-]{20,64}",  # GitLab
    r"xox[abeoprs]-[\w-]{10,200}",  # Slack
    r"AIza[\w-]{35}",  # Google
    r"ya29\.[\w-]{20,400}",
    r"[srp]k_(?:live|test)_[A-Za-z0-9]{16,128}",  # Stripe
    r"hf_[A-Za-z0-9]{30,64}",  # Hugging Face
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[\w-]{50,300}",
    r"SG\.[\w-]{16,32}\.[\w-]{32,64}",  # SendGrid
    r"dop_v1_[a-f0-9]{64}",  # DigitalOcean
)
_KEYS = re.compile(rf"(?<![\w-])(?:{'|'.join(_SHAPES)})(?![\w-])")
_JWT = re.compile(r"(?<![\w-])(eyJ[\w-]{8,4000}+)\.[\w-]{2,16000}+\.[\w-]{0,2000}+")
_PEM_BEGIN = re.compile(r"-----BEGIN (?>(?!PRIVATE)[A-Z0-9]{1,12}+ ){0,4}+PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END (?>(?!PRIVATE)[A-Z0-9]{1,12}+ ){0,4}+PRIVATE KEY(?: BLOCK)?-----")
_BASE64_LINES = re.compile(r"(?:\s{0,2}[A-Za-z0-9+/=\\]{16,128}+){0,400}+")
# A private key whose end is missing goes so far at most.
PEM_CHARS = 20_000
_IN_URL = re.compile(r"(?<=://)[^\s:/@?#\"'<>]{0,64}:([^\s/@\"'<>]{1,128})@(?=[\w.\[-])")
_NAMED = re.compile(
    r"(?<![^\W_])(?P<name>pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|mot de passe|contrase[nñ]a|clave"
    r"|(?:client|app|aws|shared)?[_ -]?secret"
    r"|(?:secret[_ -]?)?(?:access|api|auth|private|account|encryption|signing)[_ -]?(?:key|token)"
    r"|token|bearer|authorization|apikey|secret[_ -]?key"
    r"|credentials?|pin)[\"']?(?:\s{0,3}(?:=>|:=|[:=])\s{0,3}|\s(?:is|ist|lautet|est|es)\s:?\s?)(?:bearer |basic )?"
    r"(?:[\"'`](?P<quoted>[^\"'`\n]{4,512}+)|(?P<value>[^\s\"'`<>]{4,512}+))|(?<!\w)(?P<scheme>bearer|basic)\s(?P<sent>[\w.~+/=-]{16,2000}+)",
    re.IGNORECASE,
)
# Values that stand for one, and code that reads one.
_NO_VALUE = re.compile(
    r"[$%{(\[]|\w{1,40}[(\[.]|xxx|\*\*|\.\.|your|my[_-]?\w{0,12}(?:password|secret|key|token)|example|change|placeholder|redacted"
    r"|none\b|null\b|true\b|false\b"
    r"|required|optional|string|secret:|env:|vault:|file:|https?:|/\w|\[|todo|undefined",
    re.IGNORECASE,
)
# A value of fewer bits says little, unless it is called a password.
BITS = {"password": 10.0, "key": 40.0}
_PASSWORDS = re.compile(r"pass|pwd|kennwort|contrase|clave|pin", re.IGNORECASE)


def secrets(text: str, region: str) -> Iterator[Finding]:
    """All kinds of them. What is only similar to one, such as a hash, is none."""
    del region
    for match in _KEYS.finditer(text):
        if _is_mixed(match.group()):
            yield Finding("secret", *match.span(), 0.98)
    for match in _JWT.finditer(text):
        if _is_jwt_header(match[1]):
            yield Finding("secret", *match.span(), 0.97)
    yield from _private_keys(text)
    for match in _IN_URL.finditer(text):
        if not _NO_VALUE.match(match[1]):
            yield Finding("secret", *match.span(1), 0.9)
    yield from _named(text)


def _is_mixed(key: str) -> bool:
    """Not only words: `sk-learn-is-a-well-known-library` has the shape of a key."""
    body = key[3:]
    return any(letter.isdigit() for letter in body) and bits(body) > 40


def _is_jwt_header(piece: str) -> bool:
    try:
        header = json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(header, dict) and ("alg" in header or "typ" in header)


def _private_keys(text: str) -> Iterator[Finding]:
    at = 0
    while (begin := _PEM_BEGIN.search(text, at)) is not None:
        # One that is not closed has been cut off: what is left of it is masked, too.
        end = _PEM_END.search(text, begin.end(), begin.end() + PEM_CHARS)
        at = end.end() if end is not None else _end_of_base64(text, begin.end())
        yield Finding("secret", begin.start(), at, 0.99)


def _end_of_base64(text: str, start: int) -> int:
    block = _BASE64_LINES.match(text, start)
    return block.end() if block is not None else start


def _named(text: str) -> Iterator[Finding]:
    for match in _NAMED.finditer(text):
        if match["scheme"]:
            if bits(match["sent"]) >= BITS["key"] and any(letter.isdigit() for letter in match["sent"]):
                yield Finding("secret", *match.span("sent"), 0.85)
            continue
        start = match.start("quoted" if match["quoted"] else "value")
        value = match["quoted"] or match["value"].rstrip(".,;)]}")
        if len(value) >= 4 and _is_secret(match["name"], value):
            yield Finding("secret", start, start + len(value), 0.85)


def _is_secret(name: str, value: str) -> bool:
    if _NO_VALUE.match(value):
        return False
    kinds = sum(any(of_kind(letter) for letter in value) for of_kind in (str.islower, str.isupper, str.isdigit, _is_sign))
    if name.lower() == "pin":
        return value.isdigit() and 4 <= len(value) <= 8
    if _PASSWORDS.search(name):
        return len(value) >= 6 and kinds >= 2 and any(not letter.isalpha() for letter in value) and bits(value) >= BITS["password"]
    return len(value) >= 12 and kinds >= 2 and any(letter.isdigit() for letter in value) and bits(value) >= BITS["key"]


def _is_sign(letter: str) -> bool:
    return not letter.isalnum()


def bits(value: str) -> float:
    """How much a text says, by how often each of its letters comes (Shannon)."""
    length = len(value)
    counts = [value.count(letter) for letter in set(value)]
    return -sum(count * math.log2(count / length) for count in counts)
