"""Whose certificates are believed."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import certifi

from cluster.errors import ConfigError


@cache
def trusted(more: Path | None) -> ssl.SSLContext:
    """The system's and certifi's authorities, and those of the file ``more``. Raises ConfigError when that cannot be read.

    One for all clients, since reading the authorities takes a tenth of a second: nobody changes it."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if more is not None:
        try:
            context.load_verify_locations(more.expanduser())
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"outgoing.ca_file: {more} cannot be read as certificates in PEM ({error}).") from None
    return context
