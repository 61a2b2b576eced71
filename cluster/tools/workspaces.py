"""All workspaces of a home."""

from __future__ import annotations

import os
import stat
import time
import uuid
from contextlib import suppress
from pathlib import Path

from cluster.settings import ToolSettings
from cluster.tools.folders import FOLDER, Disk, closing, look, names_in, remove_tree
from cluster.tools.paths import checked_workspace
from cluster.tools.places import Place
from cluster.tools.workspace import GONE, Workspace

CONVERSATION = "conversation-"


class Workspaces:
    """``disk``: how bytes get there. Blocking, as what it gives."""

    def __init__(self, root: Path, settings: ToolSettings, disk: Disk | None = None) -> None:
        self._root = root
        self._settings = settings
        self._disk = disk or Disk()

    def of(self, organisation_id: uuid.UUID, name: str) -> Workspace:
        """Nothing is made before something is written. Raises BadInput for a name that cannot be."""
        return Workspace(Place(self._root, organisation_id, checked_workspace(name)), self._settings, self._disk)

    def remove_all(self, organisation_id: uuid.UUID) -> None:
        with suppress(FileNotFoundError), closing(os.open(self._root, FOLDER)) as root:
            remove_tree(root, str(organisation_id))

    def remove_lapsed(self) -> int:
        """Removes what was not written to for ``tools.workspace_days``; how many there were."""
        before = time.time() - self._settings.workspace_days * 86400
        names = [path.name for path in self._root.iterdir()] if self._root.is_dir() else []
        return sum(self._remove_older(uuid.UUID(name), before) for name in names if _is_id(name))

    def of_conversations(self) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Organisation and conversation of every workspace that is a conversation's."""
        found: list[tuple[uuid.UUID, uuid.UUID]] = []
        for organisation in (path.name for path in self._root.iterdir()) if self._root.is_dir() else ():
            names = [path.name.removeprefix(CONVERSATION) for path in (self._root / organisation).glob(f"{CONVERSATION}*")]
            found += [(uuid.UUID(organisation), uuid.UUID(name)) for name in names if _is_id(organisation) and _is_id(name)]
        return found

    def _remove_older(self, organisation_id: uuid.UUID, before: float) -> int:
        gone = 0
        with Place(self._root, organisation_id, "").organisation(make=False) as folder:
            if folder is None:
                return 0
            for name in names_in(folder):
                status = look(folder, name)
                if name.startswith(GONE):
                    remove_tree(folder, name)  # whoever began that was ended
                elif status is not None and stat.S_ISDIR(status.st_mode) and status.st_mtime < before:
                    gone += self.of(organisation_id, name).remove(before)
        return gone


def _is_id(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True
