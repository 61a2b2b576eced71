"""The keys that tokens are signed with: in a file that only Hearth's owner can read, shared by all replicas and by the jobs of batches."""

from __future__ import annotations

import json
from pathlib import Path

from filelock import FileLock
from joserfc.jwk import ECKey, KeySet

from cluster.runtime.state import write_atomically

ALGORITHM, CURVE = "ES256", "P-256"
# The current key and the one before it. Rotating twice therefore makes every access token void at once.
KEPT = 2


class SigningKeys:
    """``file`` is made on first use (mode 0600). What another process rotates is noticed at the next call."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = -1
        self._keys: list[ECKey] = []

    def current(self) -> ECKey:
        """The one that signs."""
        return self._load()[0]

    def all(self) -> KeySet:
        """Those that tokens may be signed with."""
        return KeySet([*self._load()])

    def rotate(self) -> str:
        """Makes a new current key, and forgets all but the one before it. Returns the new one's id."""
        with self._lock():
            keys = [_generate(), *self._read()][:KEPT]
            self._write(keys)
        return keys[0].thumbprint()

    def _load(self) -> list[ECKey]:
        if not self._file.exists():
            with self._lock():
                if not self._file.exists():
                    self._write([_generate()])
        changed = self._file.stat().st_mtime_ns
        if changed != self._seen:
            self._keys, self._seen = self._read(), changed
        return self._keys

    def _read(self) -> list[ECKey]:
        if not self._file.exists():
            return []
        return [ECKey.import_key(key) for key in json.loads(self._file.read_bytes())["keys"]]

    def _write(self, keys: list[ECKey]) -> None:
        write_atomically(self._file, json.dumps({"keys": [key.as_dict(private=True) for key in keys]}))

    def _lock(self) -> FileLock:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileLock(self._file.with_suffix(".lock"), mode=0o600)


def _generate() -> ECKey:
    key = ECKey.generate_key(CURVE, parameters={"use": "sig", "alg": ALGORITHM})
    key.ensure_kid()
    return key
