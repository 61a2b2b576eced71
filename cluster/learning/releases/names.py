"""Names of releases: ``<base>:release:<name>``, and one version of it ``<base>:release:<name>@<version>``."""

from __future__ import annotations

from cluster.learning.adapters.names import versioned

# No adapter's name has a colon.
RELEASE = "release:"


def addressed_as(name: str, version: int) -> str:
    """What stands behind ``<base>:``."""
    return f"{RELEASE}{versioned(name, version)}"


def release_in(adapter: str) -> str | None:
    """The release that ``adapter``, what stands behind ``<base>:``, names; None: it names an adapter."""
    return adapter.removeprefix(RELEASE) if adapter.startswith(RELEASE) else None
