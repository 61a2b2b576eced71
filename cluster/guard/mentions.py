"""Is something said, or only talked about? On folded text, looking only around the place."""

from __future__ import annotations

import re

# How far is looked to either side.
AROUND = 240

_RETELLING = re.compile(
    r"\b(?:to|will|would|could|can|cannot|can.?t|might|may|that|they|it|llms?|models?|systems?|assistants?|chatbots?|ais?|agents?"
    r"|attackers?|who|which|simply|successfully|into|and then|zu|konnen|kann|soll|wird|dass|modell|pour|de|a|peut|qui|para|puede|que"
    r"|users?|people|employees|staff|drivers|students|he|she|we|i|modelo|modele|ki|ia|l.ia)\s{1,2}$"
)
_NEGATED = re.compile(r"\b(?:not|never|don.?t|won.?t|cannot|can.?t|nicht|niemals|pas|jamais|nunca|no)\s{1,2}$")
_YOU = re.compile(r"\b(?:you(?:.?ll)?|must|please|now|i want|i need|du|sie|tu|vous|usted|debes|musst|mussen|dois|devez)\b[^.!?\n]{0,60}$")
_IF_YOU = re.compile(r"\b(?:if|when|whether|before|unless|once|how|where|as|that|what) you\b[^.!?\n]{0,60}$")
_TALK = re.compile(
    r"\b(?:prompt[ -]?injections?|injections?|injected|attack(?:s|er|ers|ing)?|jailbreak(?:s|ing)?|adversar\w{1,8}|malicious"
    r"|phrases? (?:such|like)|such as|for example|e\.g\.|examples?|strings?|payloads?|detect(?:s|ed|ion|or|ors)?|filters?|scanners?"
    r"|guards?|screens?|researchers?|vulnerab\w{1,8}|owasp"
    r"|classifiers?|test (?:cases?|suite)|datasets?|defen[cs]e|red[ -]team\w{0,4}|sentences? like"
    r"|text like|contain(?:s|ing) (?:text|phrases)|tokeni[sz]er\w{0,2}|chat templates?|documentation|format|quoted|titled|called|wrote"
    r"|writes|said|says|novel|story|lyrics|song|joke|meme"
    r"|angriff(?:e|s|en)?|angreifer|beispiel(?:e|sweise)?|erkenn\w{1,6}|attaques?|attaquants?|par exemple|exemples?|ataques?|atacantes?"
    r"|ejemplos?)\b"
)
_OPENING = re.compile(r"[\"“„«‘`”»]|(?<!\w)'")
_CLOSING = re.compile(r"[\"”“»«’`]|'(?!\w)")


def is_retold(text: str, start: int) -> bool:
    """Is what begins at ``start`` done by somebody who is spoken of, not asked of who reads?"""
    before = text[max(0, start - 80) : start]
    if not _RETELLING.search(before):
        return False
    return _YOU.search(before) is None or _IF_YOU.search(before) is not None


def is_negated(text: str, start: int) -> bool:
    """Is what begins at ``start`` said not to be done?"""
    return _NEGATED.search(text[max(0, start - 16) : start]) is not None


def is_mentioned(text: str, start: int, end: int) -> bool:
    """Does it stand in quotation marks, or between marks of code, in a text that talks about such things?"""
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    opening = _last(_OPENING, before[-80:])
    if opening is None or _CLOSING.search(after[:160]) is None:
        return False
    return _TALK.search(before) is not None or _TALK.search(after) is not None


def _last(pattern: re.Pattern[str], text: str) -> int | None:
    """Where the last opening mark is; None where none is open."""
    found = [match.start() for match in pattern.finditer(text)]
    return found[-1] if found and (len(found) % 2 == 1 or len(found) < 3) else None
