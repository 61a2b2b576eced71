"""Where things live: the layout of HEARTH_HOME, and the repository's own data folders."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CATALOG = REPOSITORY / "configs" / "catalog"
PROFILES = REPOSITORY / "configs" / "profiles"
PROVIDERS = REPOSITORY / "configs" / "providers.yaml"
GRAPHS = REPOSITORY / "configs" / "graphs"
PRICES = REPOSITORY / "configs" / "prices.yaml"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one HEARTH_HOME. Nothing is created until :meth:`create`."""

    root: Path

    @property
    def models(self) -> Path:
        """Pulled and prepared weights, one folder per model."""
        return self.root / "models"

    @property
    def catalog(self) -> Path:
        """The owner's own catalog entries, beside those of ``configs/catalog``."""
        return self.root / "catalog"

    @property
    def providers(self) -> Path:
        """The owner's own providers, in place of ``configs/providers.yaml``."""
        return self.root / "providers.yaml"

    @property
    def prices(self) -> Path:
        """The owner's own prices, in place of ``configs/prices.yaml``."""
        return self.root / "prices.yaml"

    @property
    def graphs(self) -> Path:
        """The owner's own graphs, beside those of ``configs/graphs``."""
        return self.root / "graphs"

    @property
    def workspaces(self) -> Path:
        """Files of runs and conversations, a folder each (see cluster/tools/workspace.py)."""
        return self.root / "workspaces"

    @property
    def vectors(self) -> Path:
        """The index of knowledge; one process owns it (see cluster/generations.py)."""
        return self.root / "vectors"

    @property
    def files(self) -> Path:
        """What people uploaded (see cluster/files.py)."""
        return self.root / "files"

    @property
    def documents(self) -> Path:
        """The files of documents."""
        return self.files / "documents"

    @property
    def adapters(self) -> Path:
        """LoRA adapters, and what of them is in service (see cluster/learning/adapters)."""
        return self.root / "adapters"

    @property
    def optimised(self) -> Path:
        """What was changed of profiles because it was measured to be better, a file each (see cluster/optimising/overrides.py)."""
        return self.root / "optimised"

    @property
    def run(self) -> Path:
        """What the running cluster is: ports, pids, the Serve config."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        """Secrets, mode 0700."""
        return self.root / "keys"

    @property
    def admin_key(self) -> Path:
        """The API key that the first start made, mode 0600. Commands show it to the running cluster."""
        return self.keys / "admin.key"

    @property
    def signing_keys(self) -> Path:
        """What tokens are signed with (see cluster/signing.py)."""
        return self.keys / "tokens.json"

    @property
    def state(self) -> Path:
        """What Hearth learned about this machine (measured memory, load times)."""
        return self.root / "state"

    @property
    def mark(self) -> str:
        """Short name of this home. Every process we start carries it in its environment, so that orphans are found, and only ours ended."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12]

    @property
    def scratch(self) -> Path:
        """Ray's session and sockets. Not below ``root``: HAProxy takes socket paths of at most 97 bytes, Ray puts 70 of its own below."""
        return Path("/tmp") / f"hearth-{self.mark}"  # noqa: S108 - made with mode 0700, and refused when somebody else owns it

    def create(self) -> None:
        for folder in (self.models, self.run, self.logs, self.state):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.keys, self.scratch):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
