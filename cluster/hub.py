"""The Hugging Face Hub as this project uses it: what a repository holds, and one file of it, resumed where an earlier transfer ended.

``huggingface_hub`` lists, authenticates and sends. Its ``hf_hub_download`` is not used: since 2.0 it throws a partial file away when it is
interrupted, and a partial file may be most of 20 GB.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx2
import tenacity
from huggingface_hub import HfApi, get_token, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff  # type: ignore[attr-defined]

from cluster.errors import Conflict, HearthError, NotFound, Unavailable, Unprocessable
from cluster.specs.catalog import HubSource
from cluster.specs.loader import nearest
from cluster.weights import is_inside

# (file, bytes here, bytes in all); called often, must return at once.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class HubFile:
    """``sha256`` is stated for large (LFS) files, ``git_oid`` (SHA-1 of git's blob) for the others; both in hex. ``size`` in bytes."""

    name: str
    size: int
    sha256: str | None
    git_oid: str | None

    @property
    def content_id(self) -> str:
        """Names the content, so that a partial file is never continued with another revision's bytes."""
        return self.sha256 or self.git_oid or hashlib.sha256(f"{self.name}:{self.size}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Listing:
    """The wanted files of a repository at one commit."""

    repo: str
    commit: str
    files: tuple[HubFile, ...]


@dataclass(frozen=True, slots=True)
class Hub:
    """``endpoint`` None: the public hub, or what HF_ENDPOINT says. ``attempts``: failures in a row, without a new byte, before giving up;
    the wait between two grows from ``wait_s`` to 16 times that, in seconds, and ``notify`` is told."""

    endpoint: str | None = None
    attempts: int = 5
    wait_s: float = 0.5
    timeout_s: float = 20.0
    notify: Callable[[str], None] = lambda _: None

    @property
    def address(self) -> str:
        return HfApi(endpoint=self.endpoint).endpoint

    def reachable(self, timeout_s: float = 3.0) -> str | None:
        """None when the hub answers, else why not."""
        try:
            httpx2.head(self.address, timeout=timeout_s)
        except (httpx2.TransportError, OSError) as error:
            return f"{self.address} cannot be reached ({_first_line(error)})"
        return None

    def listing(self, source: HubSource, only: str | None = None) -> Listing:
        """The files a pull fetches: ``source.files`` (names or patterns), else ``only``, else everything that is not hidden.

        Raises NotFound (no such repository, revision or file), Conflict (a licence must be accepted first), Unavailable (no network).
        """
        api = HfApi(endpoint=self.endpoint)
        retrying = self._retrying(tenacity.stop_after_attempt(self.attempts))
        try:
            info = retrying(api.model_info, source.repo, revision=source.revision, files_metadata=True, timeout=self.timeout_s)
        except (httpx2.TransportError, OSError) as error:
            self._explain(error, source.repo, source.revision)
        found = [_hub_file(sibling) for sibling in info.siblings or ()]
        return Listing(source.repo, info.sha or source.revision, _wanted(found, source, only))

    def fetch(self, listing: Listing, file: HubFile, part: Path, progress: Progress) -> None:
        """Completes ``part`` to the content of ``file``, from where it ends. Raises NotFound, Conflict, Unavailable; ``part`` stays."""
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        retrying = self._retrying(_StopWithoutProgress(part, self.attempts))
        try:
            retrying(self._fetch_once, listing, file, part, progress)
        except (httpx2.TransportError, OSError) as error:
            self._explain(error, listing.repo, listing.commit, file.name)

    def _fetch_once(self, listing: Listing, file: HubFile, part: Path, progress: Progress) -> None:
        held = part.stat().st_size
        if held > file.size:
            part.unlink()
            held = 0
        progress(file.name, held, file.size)
        if held == file.size and part.exists():
            return
        url = hf_hub_url(listing.repo, file.name, revision=listing.commit, endpoint=self.address)
        # Compression would make byte offsets mean something else than the file's.
        headers = {**build_hf_headers(), "Accept-Encoding": "identity", **({"Range": f"bytes={held}-"} if held else {})}
        with http_stream_backoff("GET", url, headers=headers, max_retries=0, timeout=self.timeout_s) as response:
            hf_raise_for_status(response)
            if response.status_code != httpx2.codes.PARTIAL_CONTENT:
                held = 0  # the server sends the file from its start
            with part.open("ab" if held else "wb") as out:
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    held += len(chunk)
                    progress(file.name, held, file.size)
        if held != file.size:
            raise httpx2.RemoteProtocolError(f"{file.name} ended after {held} of {file.size} bytes")

    def _retrying(self, stop: tenacity.stop.StopBaseT) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_passes_by_itself),
            stop=stop,
            wait=tenacity.wait_exponential(self.wait_s, min=self.wait_s, max=16 * self.wait_s),
            before_sleep=lambda state: self.notify(f"the hub did not answer, trying again ({_outcome(state)})"),
            reraise=True,
        )

    def _explain(self, error: Exception, repo: str, revision: str, file: str | None = None) -> NoReturn:
        raise _translated(error, self.address, repo, revision, file) from error


class _StopWithoutProgress(tenacity.stop.stop_base):
    """Stops after ``attempts`` in a row that brought no new byte; a slow, flaky line may take as many as it needs."""

    def __init__(self, part: Path, attempts: int) -> None:
        self._part, self._attempts = part, attempts
        self._size, self._idle = part.stat().st_size, 0

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        size = self._part.stat().st_size if self._part.exists() else 0
        self._idle = 0 if size > self._size else self._idle + 1
        self._size = size
        return self._idle >= self._attempts


def _hub_file(sibling: RepoSibling) -> HubFile:
    lfs = sibling.lfs
    if sibling.size is None:
        raise Unprocessable(
            f"The hub states no size for '{sibling.rfilename}', so a transfer cannot be checked; bring the weights with --from PATH."
        )
    return HubFile(sibling.rfilename, sibling.size, lfs.sha256 if lfs else None, None if lfs else sibling.blob_id)


def _wanted(found: list[HubFile], source: HubSource, only: str | None) -> tuple[HubFile, ...]:
    inside = [file for file in found if is_inside(file.name) and not file.name.startswith(".")]
    patterns = source.files or ((only,) if only else ())
    if not patterns:
        return tuple(inside)
    chosen = []
    for pattern in patterns:
        matches = [file for file in inside if fnmatch.fnmatchcase(file.name, pattern)]
        if not matches:
            hint = nearest(pattern, [file.name for file in inside])
            advice = f"did you mean '{hint}'?" if hint else "correct the catalog."
            raise NotFound(f"Repository {source.repo} has no file '{pattern}'; {advice}")
        chosen += [file for file in matches if file not in chosen]
    return tuple(chosen)


def _passes_by_itself(error: BaseException) -> bool:
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status in {408, 429} or status >= 500
    return isinstance(error, httpx2.TransportError)


def _translated(error: Exception, address: str, repo: str, revision: str, file: str | None) -> HearthError:
    what = f"{repo}/{file}" if file else repo
    if isinstance(error, OfflineModeIsEnabled):
        return Conflict(f"HF_HUB_OFFLINE is set, so {what} was not fetched; unset it, or bring the weights with --from PATH.")
    if isinstance(error, GatedRepoError):
        return Conflict(f"{repo} asks every user to accept its licence: do so on {address}/{repo}, then set HF_TOKEN.")
    if isinstance(error, RepositoryNotFoundError):
        token = "" if get_token() else ", or is private and needs HF_TOKEN"
        return NotFound(f"The hub at {address} has no repository '{repo}'{token}; correct 'repo' in the catalog.")
    if isinstance(error, RevisionNotFoundError):
        return NotFound(f"Repository {repo} has no revision '{revision}'; correct 'revision' in the catalog.")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        kind = NotFound if status == httpx2.codes.NOT_FOUND else Unavailable if _passes_by_itself(error) else Unprocessable
        return kind(f"The hub at {address} answered {status} for {what}; what was fetched is kept, try again later.")
    if isinstance(error, httpx2.TransportError):
        return Unavailable(
            f"The hub at {address} cannot be reached for {what} ({_first_line(error)}); what was fetched is kept: run this again, "
            "or bring the weights with --from PATH."
        )
    return Conflict(f"{what} could not be written: {_first_line(error)}.")


def _outcome(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    return _first_line(error) if error else ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
