"""The system account that PostgreSQL runs under when Hearth itself runs as root, which PostgreSQL refuses to do."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ConfigError

NAME = "hearth"


@dataclass(frozen=True, slots=True)
class Account:
    """``uid`` and ``gid`` None: whoever runs Hearth."""

    uid: int | None = None
    gid: int | None = None

    def own(self, folder: Path) -> None:
        """Makes ``folder`` this account's (mode 0700), and lets it pass through the folders above: execute, neither read nor write."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
            self.let_reach(folder)

    def let_reach(self, path: Path) -> None:
        """Adds the right to pass through each folder above ``path``. Does nothing for one's own account."""
        if self.uid is None:
            return
        for folder in path.resolve().parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)


def database_account() -> Account:
    """One's own; as root that of the user ``hearth``, made on first use. Raises ConfigError where it cannot be made."""
    if os.geteuid() != 0:
        return Account()
    try:
        found = pwd.getpwnam(NAME)
    except KeyError:
        _make()
        found = pwd.getpwnam(NAME)
    return Account(found.pw_uid, found.pw_gid)


def _make() -> None:
    tool = shutil.which("useradd")
    command = [tool or "useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    if tool is None or subprocess.run(command, capture_output=True, check=False).returncode not in (0, 9):  # 9: made meanwhile
        raise ConfigError(
            f"PostgreSQL does not run as root, and the system user '{NAME}' could not be made: run Hearth as another user, run "
            f"`{' '.join(command)}`, or set storage.database_url_file to use a server of yours."
        )
