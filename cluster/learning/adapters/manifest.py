"""``HEARTH_HOME/adapters/<base>.json``: the adapters of a base and where requests go, as the database last decided.

Written beside its name and then renamed, so that a reader sees one decision or the next, never half of one. A reader looks at the file's
mark for every request, which takes a microsecond, and reads it again when that has changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.errors import ModelNotFound
from cluster.home import Home
from cluster.learning.adapters.names import BARE, split_version, versioned
from cluster.learning.releases.entry import ReleaseEntry
from cluster.learning.releases.names import RELEASE, release_in
from cluster.specs.loader import nearest

log = structlog.get_logger(__name__)

BUCKETS = 2**64
# What is sent as a model's name becomes part of a path.
_BASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Entry(BaseModel):
    """One version of an adapter that may be asked. ``id``: what replicas call it. ``named``: it answers to the name without a version.
    ``warm``: requests go to it, so it is kept in memory."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    organisation: str
    name: str
    version: int
    folder: str
    named: bool
    warm: bool

    @property
    def label(self) -> str:
        return versioned(self.name, self.version)


class Route(BaseModel):
    """What ``<base>`` stands for: the adapter ``default`` (None: the base itself) in the way of the release ``release``, if any, and for
    ``percent`` of those who ask, ``canary`` and ``canary_release``. ``shadow_percent`` of requests also go to the release ``shadow``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    default: str | None = None
    release: str | None = None
    canary: str | None = None
    canary_release: str | None = None
    percent: float = 0.0
    shadow: str | None = None
    shadow_percent: float = 0.0

    def tries(self, subject: str) -> bool:
        """The same ``subject`` gets the same answer for as long as the canary and its share stay."""
        tried = self.canary_release or self.canary
        return tried is not None and share_of(tried, subject) < self.percent


@dataclass(frozen=True, slots=True)
class Bundle:
    """Who answers, and in the way of which release. None: the base itself; none."""

    adapter: Entry | None = None
    release: ReleaseEntry | None = None

    @property
    def key(self) -> str | None:
        """Of equal ones the same; None: the base itself."""
        ids = [part.id for part in (self.adapter, self.release) if part is not None]
        return "+".join(ids) or None


BARE_BASE = Bundle()


class Manifest(BaseModel):
    """``routes`` by organisation."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    base: str
    adapters: tuple[Entry, ...] = ()
    releases: tuple[ReleaseEntry, ...] = ()
    routes: dict[str, Route] = {}

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        return {entry.id: entry for entry in self.adapters}

    @cached_property
    def releases_by_id(self) -> dict[str, ReleaseEntry]:
        return {entry.id: entry for entry in self.releases}

    def own(self, organisation: str) -> list[Entry]:
        return [entry for entry in self.adapters if entry.organisation == organisation]

    def named(self, organisation: str, adapter: str) -> Entry | None:
        """By name, by ``<name>@<version>``, or by id."""
        name, version = split_version(adapter)
        for entry in self.own(organisation):
            if entry.id == adapter or (entry.name == name and (entry.version == version if version is not None else entry.named)):
                return entry
        return None

    def release(self, organisation: str, named: str) -> ReleaseEntry | None:
        """By ``<name>`` or ``<name>@<version>``."""
        name, version = split_version(named)
        for entry in self.releases:
            if entry.organisation == organisation and entry.name == name and (entry.version == version if version else entry.named):
                return entry
        return None

    def knows(self, organisation: str, adapter: str) -> bool:
        """Whether ``<base>:<adapter>`` is an adapter or a release of the organisation, or the base itself."""
        if adapter == BARE:
            return True
        release = release_in(adapter)
        return (self.named(organisation, adapter) if release is None else self.release(organisation, release)) is not None

    def choose(self, organisation: str, adapter: str | None, subject: str) -> Bundle:
        """Who answers a request for ``adapter`` of the base, or for the base. Raises ModelNotFound."""
        if adapter is None:
            return self._routed(organisation, subject)
        if adapter == BARE:
            return BARE_BASE
        release = release_in(adapter)
        if release is None:
            entry = self.named(organisation, adapter)
            found = Bundle(entry) if entry is not None else None
        else:
            found = self.released(organisation, release)
        if found is None:
            raise unknown(self.base, adapter, self.known(organisation))
        return found

    def released(self, organisation: str, named: str) -> Bundle | None:
        """The whole of a release; None: it may not be asked."""
        entry = self.release(organisation, named)
        return self._whole(entry.adapter, entry.id) if entry is not None else None

    def known(self, organisation: str) -> list[str]:
        """What may stand behind ``<base>:``, without versions."""
        ours = [f"{RELEASE}{entry.name}" for entry in self.releases if entry.organisation == organisation and entry.named]
        return [*(entry.name for entry in self.own(organisation) if entry.named), *ours]

    def _routed(self, organisation: str, subject: str) -> Bundle:
        route = self.routes.get(organisation)
        if route is None:
            return BARE_BASE
        tried = self._whole(route.canary, route.canary_release) if route.tries(subject) else None
        return tried or self._whole(route.default, route.release) or BARE_BASE

    def _whole(self, adapter: str | None, release: str | None) -> Bundle | None:
        """None where a part of it may not be asked any more: half of it is not what was decided."""
        entry = self.by_id.get(adapter) if adapter is not None else None
        way = self.releases_by_id.get(release) if release is not None else None
        gone = (adapter is not None and entry is None) or (release is not None and way is None)
        return None if gone else Bundle(entry, way)


def unknown(base: str, adapter: str, known: list[str]) -> ModelNotFound:
    hint = nearest(adapter, known)
    said = f"Model '{base}' has no adapter '{adapter[:100]}'"
    return ModelNotFound(said + (f"; did you mean '{base}:{hint}'?" if hint else "; GET /v1/models lists what can be asked."))


def share_of(canary: str, subject: str) -> float:
    """Where ``subject`` stands between 0 and 100 for this canary: SHA-256 of both, its first eight bytes as a fraction. Even for subjects
    that follow on each other, and for another canary independent of this one, so that it is not always the same people who try."""
    digest = hashlib.sha256(f"{canary}\n{subject}".encode()).digest()
    return 100.0 * int.from_bytes(digest[:8], "big") / BUCKETS


def manifest_path(home: Home, base: str) -> Path:
    return home.adapters / f"{base}.json"


def write_manifest(home: Home, manifest: Manifest) -> bool:
    """Blocking. Whether it has changed. Raises OSError (a full disk); then the old one stays."""
    path, content = manifest_path(home, manifest.base), manifest.model_dump_json().encode()
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb", opener=_private) as file:  # Path.open takes no opener
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return True


@dataclass(slots=True)
class ManifestFile:
    """The manifest at ``path``, as it is now. A file that cannot be read counts as unchanged: who asks meanwhile gets what held before."""

    path: Path
    base: str
    _mark: tuple[int, int, int] | None = None
    _held: Manifest | None = field(default=None)

    def read(self) -> Manifest:
        """Takes a microsecond where nothing has changed."""
        mark = self._look()
        if self._held is None or mark != self._mark:
            self._held = self._load(mark)
            self._mark = mark
        return self._held

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _load(self, mark: tuple[int, int, int] | None) -> Manifest:
        if mark is None:
            return Manifest(base=self.base)
        try:
            return Manifest.model_validate_json(self.path.read_bytes())
        except (OSError, ValidationError) as error:
            log.warning("the list of adapters cannot be read; the last one holds", path=str(self.path), reason=str(error)[:500])
            return self._held or Manifest(base=self.base)


class Manifests:
    """Those of all bases."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._files: dict[str, ManifestFile] = {}

    def of(self, base: str) -> Manifest:
        """Empty for a base that nobody has an adapter of, and for what is no name of a base."""
        known = self._files.get(base)
        if known is None:
            path = manifest_path(self._home, base)
            if not _BASE.fullmatch(base) or not path.is_file():
                return Manifest(base=base)
            known = self._files[base] = ManifestFile(path, base)
        return known.read()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
