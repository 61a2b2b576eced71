"""What a connector is, and what it is given."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from cluster.errors import HearthError, Unprocessable
from cluster.knowledge.names import DECEIVING, MOST_CHARS
from cluster.outgoing.asking import Ask, Reply
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker
from cluster.settings import Settings

SecretName = Annotated[
    str, Field(pattern=r"^secret:[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="A secret of the organisation, as `secret:NAME`.")
]
Suffix = Annotated[str, Field(pattern=r"^\.[a-z0-9.]{1,20}$")]
WebAddress = Annotated[str, Field(min_length=8, max_length=4096, pattern=r"^https?://")]


class Options(BaseModel):
    """Base of what a connector is told."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def secrets(self) -> dict[str, str]:
        """References to secrets, by the field they stand in."""
        return {name: value for name, value in self if isinstance(value, str) and value.startswith("secret:")}


@dataclass(frozen=True, slots=True)
class Fetched:
    """``mark``: what tells this content from any later one at its source; None: the source has no such thing."""

    content: bytes
    media_type: str
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be brought in. ``id``: what ``fetch`` takes. ``path``: what its document is called. ``mark``: as in Fetched, where
    it is known before the item is fetched. ``found``: the content, where looking meant fetching it. ``problem``: why it cannot be had."""

    id: str
    path: str
    title: str = ""
    mark: str | None = None
    bytes: int | None = None
    media_type: str | None = None
    updated_at: datetime | None = None
    found: Fetched | None = None
    problem: str | None = None


class Connector(Protocol):
    """One source, open. Belongs to one event loop. Errors are those of cluster.errors."""

    def discover(self) -> AsyncGenerator[Item]:
        """What there is, in an order that stays. May be left before its end."""
        ...

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        """One item; None: its content is still that of ``mark``. Raises NotFound for one that there is not."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``secrets``: values, by the field of the options they stand in."""

    settings: Settings
    outgoing: Outgoing
    asker: Asker
    secrets: Mapping[str, str] = field(default_factory=dict)

    async def get(self, url: str, headers: Mapping[str, str] | None = None, *, most: int, expect: tuple[str, ...] = ()) -> Reply:
        """An answer, whatever its status."""
        given = self.settings.connectors.transfer_timeout_s
        hidden = tuple(self.secrets.values())
        return await self.outgoing.send(
            Ask(url, headers=headers or {}, most_bytes=most, timeout_s=given, expect=expect, secrets=hidden), self.asker
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """An entry of the registry. ``open`` neither waits nor connects; it raises Unprocessable for options that cannot be."""

    name: str
    description: str
    options: type[Options]
    open: Callable[[Any, Surroundings], Connector]


def path_of(*parts: str, ending: str = "") -> str:
    """What a document is called that comes from there: shown, never a path of this machine. Different parts make different paths, however
    long or odd they are."""
    whole = "/".join(part.strip("/") for part in parts)
    pieces = [_plain(piece) for piece in whole.replace("\\", "/").split("/")]
    path = "/".join(piece for piece in pieces if piece not in {"", ".", ".."}) or "unnamed"
    changed = path != whole
    if ending and not path.lower().endswith(ending):
        path += ending
    if not changed and len(path) <= MOST_CHARS:
        return path
    stem, dot, suffix = path.rpartition(".")
    if not dot or "/" in suffix or len(suffix) > 10:
        stem, dot, suffix = path, "", ""
    return f"{stem[: MOST_CHARS - 30]}-{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()[:12]}{dot}{suffix}"


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    return re.sub(r"\s+", " ", "".join(" " if unicodedata.category(letter) in DECEIVING else letter for letter in text)).strip()


def of_suffix(path: str, suffixes: list[str]) -> bool:
    return not suffixes or path.lower().endswith(tuple(suffixes))


def said(error: HearthError) -> str:
    return error.message[:500]


def refused(field_name: str, message: str) -> Unprocessable:
    return Unprocessable(message).about(f"options.{field_name}")
