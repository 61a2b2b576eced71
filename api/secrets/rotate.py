"""``python -m api.secrets.rotate --home DIR [--storage JSON]``: seals every secret with a new key and forgets the old ones.

It may run while Hearth does. Afterwards a backup from before opens only with the key file of that backup.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from api.secrets.service import rotate
from cluster.home import Home
from cluster.secrets.keyring import KeyRing
from cluster.settings import Settings, StorageSettings
from cluster.stores.clients import connect


async def run(settings: Settings) -> int:
    """How many values were sealed anew."""
    stores = connect(settings)
    try:
        return await rotate(stores.database, KeyRing(Home(settings.home).keys / "secrets.key"))
    finally:
        await stores.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--storage", default="{}")
    words = parser.parse_args()
    done = asyncio.run(run(Settings(home=words.home, storage=StorageSettings.model_validate_json(words.storage))))
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
