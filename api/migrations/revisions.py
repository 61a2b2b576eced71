"""``python -m api.migrations.revisions``: every revision of the database that the code knows, newest first, one a line."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{revision}\n" for revision in revisions()))
