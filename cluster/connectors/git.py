"""Git repositories over https: the files of one branch, without their history."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeVar

import urllib3.util
from anyio import to_thread
from dulwich.client import HttpGitClient, HTTPUnauthorized
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.objects import ObjectID
from dulwich.refs import Ref
from pydantic import Field

from cluster.connectors.base import Fetched, Item, Kind, Options, SecretName, Suffix, Surroundings, WebAddress, of_suffix, path_of
from cluster.connectors.packs import PackedFile, files_of
from cluster.content.isolated import Isolated
from cluster.errors import NotFound, RemoteFailed, TooLarge
from cluster.outgoing.pool import OutgoingPool
from cluster.outgoing.urls import Target

ResultT = TypeVar("ResultT")


class GitOptions(Options):
    url: WebAddress = Field(description="As one clones it, over http or https.")
    branch: str | None = Field(None, pattern=r"^[\w./-]{1,200}$", description="A branch or tag; none: what the repository shows first.")
    token: SecretName | None = Field(None, description="Secret for a repository that is not public.")
    username: str = Field("git", pattern=r"^[\w.@-]{1,100}$", description="That goes with the token.")
    suffixes: list[Suffix] = Field([], max_length=100, description="Only files that end so, as `.md`; empty: all.")


class Nothing:
    """What dulwich asks for what is here already: nothing is."""

    def __next__(self) -> ObjectID | None:
        return None

    next = __next__

    def ack(self, sha: ObjectID) -> None:
        """There is nothing that both sides have."""

    def nak(self) -> None:
        """The same."""


class Git:
    def __init__(self, options: GitOptions, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._target = Target.of(options.url)
        self._checkout: dict[str, PackedFile] | None = None

    async def discover(self) -> AsyncGenerator[Item]:
        """Sorted by path. A blob's hash is its mark."""
        name = self._target.target.strip("/").removesuffix(".git").rpartition("/")[2] or self._target.host
        for path, file in sorted((await self._files()).items()):
            if of_suffix(path, self._options.suffixes):
                yield Item(path, path_of(name, path), path.rpartition("/")[2], file.sha, file.size, problem=file.problem)

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        file = (await self._files()).get(item_id)
        if file is None:
            raise NotFound(f"There is no file '{item_id[:200]}' in the repository.")
        if file.content is None:
            raise TooLarge(file.problem or "It cannot be had.")
        return None if mark == file.sha else Fetched(file.content, "application/octet-stream", file.sha)

    async def close(self) -> None:
        self._checkout = None

    async def _files(self) -> dict[str, PackedFile]:
        if self._checkout is None:
            pack, head = await self._asked(self._fetched)
            files = await to_thread.run_sync(self._unpacked, pack, head)
            self._checkout = {file.path: file for file in files}
        return self._checkout

    def _fetched(self) -> tuple[bytes, bytes]:
        """The pack as it came, and the commit that is wanted."""
        limits, token = self._around.settings.connectors, self._around.secrets.get("token")
        pool = OutgoingPool(
            self._around.outgoing,
            self._around.asker,
            secrets=tuple(self._around.secrets.values()),
            most_bytes=int(limits.transfer_bytes),
            timeout_s=limits.transfer_timeout_s,
        )
        if token is not None:
            pool.headers = urllib3.util.make_headers(basic_auth=f"{self._options.username}:{token}")
        client = HttpGitClient(self._target.url, pool_manager=pool, quiet=True)
        wanted: list[ObjectID] = []
        pack = io.BytesIO()

        def wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            wanted.append(self._commit(refs))
            return wanted

        client.fetch_pack(self._target.target, wants, Nothing(), pack.write, depth=1)
        return pack.getvalue(), wanted[0]

    def _commit(self, refs: Mapping[Ref, ObjectID]) -> ObjectID:
        names = ["HEAD"] if self._options.branch is None else [f"refs/{kind}/{self._options.branch}" for kind in ("heads", "tags")]
        found = next((refs[Ref(name.encode())] for name in names if Ref(name.encode()) in refs), None)
        if found is None:
            raise NotFound(f"The repository has no '{self._options.branch or 'HEAD'}'.")
        return found

    def _unpacked(self, pack: bytes, head: bytes) -> list[PackedFile]:
        """In a process of its own: a pack may be made to fill the memory."""
        limits = self._around.settings.connectors
        with Isolated(self._around.settings.ingest) as helper:
            return helper.call(files_of, pack, head, int(limits.transfer_bytes), int(limits.item_bytes), limits.items)

    async def _asked(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await to_thread.run_sync(work)
        except (HTTPUnauthorized, NotGitRepository):
            raise NotFound("There is no repository at that address, or it needs a token.") from None
        except (GitProtocolError, ValueError, EOFError, AssertionError, KeyError) as error:
            raise RemoteFailed(f"The server does not speak Git as it should ({type(error).__name__}: {str(error)[:200]}).") from None


KIND = Kind("git", "The files of a Git repository's branch.", GitOptions, Git)
