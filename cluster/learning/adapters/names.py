"""Names of adapters: ``<base>:<name>``, one version of it ``<base>:<name>@<version>``, and ``<base>:base`` for the model without any."""

from __future__ import annotations

import re

from cluster.errors import BadInput

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
# What the base itself is called where an adapter answers in its place.
BARE = "base"

_NAME = re.compile(NAME)


def need_name(name: str) -> str:
    """``name``, checked. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            "An adapter's name is up to 63 lower-case letters, digits, '.', '_' and '-', and begins with a letter or digit; choose another."
        ).about("name")
    if name == BARE:
        raise BadInput(f"'{BARE}' stands for the model without an adapter; choose another name.").about("name")
    return name


def versioned(name: str, version: int) -> str:
    return f"{name}@{version}"


def split_version(name: str) -> tuple[str, int | None]:
    """The name, and the version where one is named. What is no version stays in the name, which nobody has then."""
    plain, at, version = name.rpartition("@")
    if not at or not version.isascii() or not version.isdigit() or len(version) > 9:
        return name, None
    return plain, int(version)
