"""Personal data and secrets in a text: where they are, and the text without them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cluster.guard.accounts import cards, ibans
from cluster.guard.contacts import addresses, emails, phones
from cluster.guard.finding import SURE_ENOUGH, Finder, Finding
from cluster.guard.identities import national_ids
from cluster.guard.leaks import secrets
from cluster.specs.guard import PII_KINDS, PiiKind

FINDERS: Mapping[PiiKind, Finder] = {
    "email": emails,
    "phone": phones,
    "iban": ibans,
    "credit_card": cards,
    "ip_address": addresses,
    "national_id": national_ids,
    "secret": secrets,
}
# A name that is longer says nothing about the text that it is a name of.
NAME_CHARS = 64


def find(text: str, kinds: Collection[PiiKind] = PII_KINDS, region: str = "DE", name: str = "") -> list[Finding]:
    """In the order of the text, none overlapping. All kinds are looked for, whatever ``kinds`` are wanted: digits of an IBAN are no phone
    number, even for who asks for phone numbers only. ``name``: what the text is called where it stands, such as `password`."""
    lead = f"{name}: " if 0 < len(name) <= NAME_CHARS else ""
    found = (finding for finder in FINDERS.values() for finding in finder(lead + text, region) if finding.confidence >= SURE_ENOUGH)
    return [finding for finding in resolve(_shifted(found, len(lead))) if finding.kind in kinds]


def mask(text: str, findings: Sequence[Finding]) -> str:
    """The text with `[EMAIL]` and the like in place of what was found, which is in order and apart; all else stays as it is."""
    kept, at = [], 0
    for finding in findings:
        kept += [text[at : finding.start], f"[{finding.kind.upper()}]"]
        at = finding.end
    return "".join([*kept, text[at:]])


def resolve(findings: Iterable[Finding]) -> list[Finding]:
    """One for each group that overlaps: of the kind of its surest, else its longest, and over all that any of them covers, so that nothing
    of the others is left behind."""
    resolved: list[Finding] = []
    best: Finding | None = None
    for finding in sorted(findings, key=lambda finding: (finding.start, -finding.end)):
        if best is None or finding.start >= resolved[-1].end:
            resolved.append(finding)
            best = finding
            continue
        if _rank(finding) > _rank(best):
            best = finding
        resolved[-1] = replace(best, start=resolved[-1].start, end=max(resolved[-1].end, finding.end))
    return resolved


def _rank(finding: Finding) -> tuple[float, int]:
    return finding.confidence, finding.end - finding.start


def _shifted(findings: Iterable[Finding], lead: int) -> Iterator[Finding]:
    """Those in the text itself, counted from its beginning."""
    for finding in findings:
        if finding.end > lead:
            yield replace(finding, start=max(0, finding.start - lead), end=finding.end - lead)
