"""``python -m api.migrations REVISION --home DIR [--storage JSON]``: up to ``head``, or up or down to a revision (``base``: nothing)."""

from __future__ import annotations

import argparse
from pathlib import Path

from alembic import command
from alembic.config import Config

from cluster.settings import Settings, StorageSettings
from cluster.stores.urls import database_url


def configuration(url: str) -> Config:
    """Alembic's, in memory: the address may hold a password, which no file should."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config


def go(url: str, revision: str) -> None:
    """To ``revision``, in whichever direction it lies."""
    config = configuration(url)
    if revision == "head":
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--storage", default="{}")
    words = parser.parse_args()
    settings = Settings(home=words.home, storage=StorageSettings.model_validate_json(words.storage))
    go(database_url(settings), words.revision)


if __name__ == "__main__":
    main()
