"""The keys that secrets are sealed with: in a file outside the database, so that neither alone tells a secret."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from filelock import FileLock

from cluster.errors import EngineError
from cluster.runtime.state import write_atomically

NONCE_BYTES, KEY_BITS = 12, 256
Keys = dict[int, bytes]


class KeyRing:
    """``file`` (mode 0600, made on first use) has one key a line, as its version and its bytes; the highest version seals. It is read each
    time: secrets are seldom used, and another process may have rotated."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def seal(self, value: str, about: str) -> tuple[int, bytes]:
        """``value`` under the current key, and the key's version. It opens only with the same ``about``."""
        keys = self._made()
        version, nonce = max(keys), os.urandom(NONCE_BYTES)
        return version, nonce + AESGCM(keys[version]).encrypt(nonce, value.encode(), about.encode())

    def open(self, version: int, sealed: bytes, about: str) -> str:
        """Raises EngineError when the key is gone, or the row was changed or belongs elsewhere."""
        key = self._read().get(version)
        if key is None:
            raise EngineError(f"The key {version} of a secret is missing from keys/secrets.key; restore that file from a backup.")
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode()).decode()
        except (InvalidTag, ValueError):
            raise EngineError("A secret does not open with its key: its row was changed, or moved; store its value again.") from None

    def current(self) -> int:
        return max(self._made())

    def add(self) -> int:
        """A new current key beside the old ones; its version."""
        with self._lock():
            keys = self._read()
            version = max(keys, default=0) + 1
            self._write(keys | {version: AESGCM.generate_key(KEY_BITS)})
        return version

    def keep(self, versions: set[int]) -> None:
        """Forgets every key but ``versions`` and the current one."""
        with self._lock():
            keys = self._read()
            self._write({version: key for version, key in keys.items() if version in versions or version == max(keys)})

    def _made(self) -> Keys:
        if not self._file.exists():
            with self._lock():
                if not self._file.exists():
                    self._write({1: AESGCM.generate_key(KEY_BITS)})
        return self._read()

    def _read(self) -> Keys:
        if not self._file.exists():
            return {}
        lines = [line.split() for line in self._file.read_text(encoding="ascii").splitlines() if line]
        return {int(version): base64.b64decode(key) for version, key in lines}

    def _write(self, keys: Keys) -> None:
        write_atomically(self._file, "".join(f"{version} {base64.b64encode(key).decode()}\n" for version, key in sorted(keys.items())))

    def _lock(self) -> FileLock:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileLock(self._file.with_suffix(".lock"), mode=0o600)
