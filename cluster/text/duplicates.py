"""Which documents say the same: exactly, nearly, or in other words.

Three kinds of evidence, from cheap to dear. Equal text is known by its hash; nearly equal text by MinHash signatures that are compared
only where a locality-sensitive index (datasketch) finds them together; equal meaning by the cosine of embeddings that are given in. All
are expressed as a confidence from 0 to 1, and the confidence decides the tier.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

# datasketch loads SciPy, which takes a second: only who compares waits for it.
if TYPE_CHECKING:
    from datasketch import LeanMinHash  # type: ignore[import-untyped]

Tier = Literal["exact", "near_exact", "semantic"]
TIERS: tuple[tuple[float, Tier], ...] = ((0.95, "exact"), (0.90, "near_exact"), (0.85, "semantic"))
LOWEST = TIERS[-1][0]
PERMUTATIONS = 128
SHINGLE_WORDS = 3
# Shingles hashed at once, and compared rows at once: what bounds the memory.
BATCH, ROWS = 4096, 1024
# Members of a group of equals that are named pair by pair; of a larger group each is paired with the first only.
MOST_PAIRED = 50
WORD = re.compile(r"\w+")
SCHEME: Literal["affine32"] = "affine32"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is needed of a document to compare it with others: a hash of its words, and a MinHash of its groups of three words (empty for
    a document without words)."""

    document: str
    words_hash: str
    signature: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two documents, the smaller id first, that are the same with ``confidence``; ``reason`` is for people."""

    first: str
    second: str
    tier: Tier
    confidence: float
    reason: str


def tier_of(confidence: float) -> Tier | None:
    """``exact`` above 0.95, ``near_exact`` above 0.90, ``semantic`` above 0.85; below, they are not duplicates."""
    return next((tier for least, tier in TIERS if confidence > least), None)


def fingerprint(document: str, text: str) -> Fingerprint:
    """The document's fingerprint. Case, punctuation and white space do not matter."""
    from datasketch import MinHash

    words = WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    signature = MinHash(num_perm=PERMUTATIONS, scheme=SCHEME)
    shingles = _shingles(words)
    while batch := list(islice(shingles, BATCH)):
        signature.update_batch(batch)
    digest = hashlib.sha256(" ".join(words).encode()).hexdigest()
    return Fingerprint(document, digest, tuple(int(value) for value in signature.hashvalues) if words else ())


def duplicates(fingerprints: Iterable[Fingerprint]) -> list[Duplicate]:
    """Pairs that are exactly or nearly equal, sorted; the same whatever the order of the fingerprints."""
    known = sorted(fingerprints, key=lambda one: one.document)
    found = {(one.first, one.second): one for one in _equal(known)}
    for one in _near(known):
        found.setdefault((one.first, one.second), one)
    return [found[pair] for pair in sorted(found)]


def by_meaning(documents: Sequence[str], vectors: npt.NDArray[np.float32]) -> list[Duplicate]:
    """Pairs of rows of ``vectors`` (one for each document) whose cosine is above 0.85, sorted; rows of zeros have none."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors, dtype=np.float32), where=lengths > 0)
    found = list[Duplicate]()
    for start in range(0, len(documents), ROWS):
        # Only what lies right of the diagonal: each pair once.
        cosines = unit[start : start + ROWS] @ unit[start:].T
        for row, column in zip(*np.nonzero(cosines > LOWEST), strict=True):
            if column > row:
                pair = documents[start + int(row)], documents[start + int(column)]
                found += _pair(*pair, min(1.0, float(cosines[row, column])), "Their embeddings point the same way")
    return sorted(found, key=lambda one: (one.first, one.second))


def _equal(known: Sequence[Fingerprint]) -> Iterator[Duplicate]:
    groups = defaultdict[str, list[str]](list)
    for one in known:
        if one.signature:
            groups[one.words_hash].append(one.document)
    for group in groups.values():
        pairs = combinations(group, 2) if len(group) <= MOST_PAIRED else ((group[0], other) for other in group[1:])
        for first, second in pairs:
            yield from _pair(first, second, 1.0, "They hold the same words")


def _near(known: Sequence[Fingerprint]) -> Iterator[Duplicate]:
    from datasketch import MinHashLSH

    # Of equals the first stands for all: else a thousand copies would be compared a million times.
    first_of = {one.words_hash: one for one in reversed(known) if one.signature}
    signatures = {one.document: _minhash(one) for one in first_of.values()}
    # A pair above the threshold that the index misses is never compared, so it looks a little below.
    index = MinHashLSH(threshold=LOWEST - 0.1, num_perm=PERMUTATIONS)
    for document, signature in sorted(signatures.items()):
        for other in sorted(index.query(signature)):
            yield from _pair(other, document, float(signature.jaccard(signatures[other])), "They share nearly all groups of three words")
        index.insert(document, signature)


def _pair(one: str, other: str, confidence: float, reason: str) -> Iterator[Duplicate]:
    tier = tier_of(confidence)
    if tier is not None and one != other:
        yield Duplicate(min(one, other), max(one, other), tier, confidence, f"{reason} ({confidence:.0%}).")


def _minhash(one: Fingerprint) -> LeanMinHash:
    from datasketch import LeanMinHash

    return LeanMinHash(seed=1, hashvalues=np.array(one.signature, dtype=np.uint32), scheme=SCHEME)


def _shingles(words: Sequence[str]) -> Iterator[bytes]:
    if len(words) < SHINGLE_WORDS:
        yield " ".join(words).encode()
        return
    for at in range(len(words) - SHINGLE_WORDS + 1):
        yield " ".join(words[at : at + SHINGLE_WORDS]).encode()
