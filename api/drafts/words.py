"""What a person's words say by themselves, without a model: names, lists, and hints at what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

SOURCE_HINTS: Mapping[str, tuple[str, ...]] = {
    "texts": ("texts", "each of many", "many messages"),
    "file": ("pdf", "image", "scan", "picture", "file", "letter"),
    "audio": ("audio", "voice", "recording", "speech"),
    "documents": ("document", "collection", "handbook", "look up", "search"),
}
STEP_HINTS: Mapping[str, tuple[str, ...]] = {
    "summarise": ("summar", "digest", "sum up"),
    "classify": ("classif", "label", "categor"),
    "extract": ("extract", "fields"),
    "write": ("write", "answer", "reply", "translat"),
}
APPROVE_HINTS = ("approv", "ask me", "ask a person", "confirm", "agree")
KEEP_HINTS = ("file it", "files it", "keep it", "keeps it", "store")
# Parts of a draft that somebody wants changed.
PART_HINTS: Mapping[str, tuple[str, ...]] = {
    "name": ("call it", "rename", "the name"),
    "instructions": ("instruct", "should", "be ", "tell it"),
    "tools": ("tool",),
    "collections": ("collection",),
    "source": tuple(hint for hints in SOURCE_HINTS.values() for hint in hints),
    "steps": tuple(hint for hints in STEP_HINTS.values() for hint in hints),
    "labels": ("label",),
    "fields": ("field", "extract"),
    "approve": (*APPROVE_HINTS, *KEEP_HINTS),
}
_AGREEING = frozenset({"yes", "ok", "okay", "save", "save it", "yes save it", "please save it", "yes please", "looks good", "do it"})
_SMALL = frozenset(
    "a an and agent for from i in it me my need of please that the to want which who with workflow would like make create".split()
)
# Not that of a tool or a collection which it is to use.
_CALLED = re.compile(
    r"\b(?:call it|(?<!tool )(?<!collection )called|(?<=agent )named|(?<=workflow )named|name it|rename it to)"
    r"\s+[\"'`]?([A-Za-z][A-Za-z0-9_-]{1,62})",
    re.IGNORECASE,
)
NAME_CHARS = 40


def agrees(words: str) -> bool:
    """Whether somebody says yes, and nothing else."""
    return re.sub(r"[^a-z ]", "", words.lower()).strip() in _AGREEING


def hinted(words: str, hints: Mapping[str, Sequence[str]]) -> list[str]:
    """The keys of ``hints`` of which one stands in ``words``, in the order in which they stand there."""
    low = words.lower()
    places = {key: min((low.find(hint) for hint in some if hint in low), default=-1) for key, some in hints.items()}
    return sorted((key for key, at in places.items() if at >= 0), key=lambda key: places[key])


def mentioned(words: str, names: Iterable[str]) -> list[str]:
    """The names that stand in ``words`` letter for letter."""
    return [name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", words)]


def listed(words: str, *heads: str) -> list[str]:
    """What follows the first of ``heads`` that there is, up to the end of the sentence: "labels: invoice, order or other" has three."""
    found = next((hit for head in heads if (hit := re.search(rf"\b{head}\s*:?\s+([^.\n]+)", words, re.IGNORECASE))), None)
    parts = re.split(r",|\band\b|\bor\b", found[1]) if found else []
    bare = (re.sub(r"^(?:the|a|an)\s+", "", part.strip(" \"'`"))[:60] for part in parts)
    return [part for part in bare if part][:16]


def called(words: str) -> str | None:
    """The name that somebody gives it."""
    found = _CALLED.findall(words)
    return slug(found[-1]) if found else None


def slug(words: str) -> str:
    """A name as graphs have them; empty where there is nothing to make it of."""
    plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    return re.sub(r"^[0-9-]+", "", plain)[:NAME_CHARS].rstrip("-")


def title_of(words: str) -> str:
    """The first words that say something."""
    first = words.strip().splitlines()[0] if words.strip() else ""
    chosen = [word for word in re.findall(r"[\w-]+", first) if word.lower() not in _SMALL][:4]
    return " ".join(chosen).capitalize()
