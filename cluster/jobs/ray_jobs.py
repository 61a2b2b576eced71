"""Ray's job server on the dashboard port, where jobs are also seen by people.

Source: Ray docs, "Ray Jobs REST API". Ray's own JobSubmissionClient is not used: it waits for answers without a limit, blocks the thread,
and lets the environment variable RAY_ADDRESS, which Ray sets in its processes, decide where it asks.
"""

from __future__ import annotations

import shlex
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from cluster.errors import Unavailable
from cluster.home import REPOSITORY, Home
from cluster.jobs.runner import Process
from cluster.runtime.environment import auth_token
from cluster.runtime.state import read_state

JOBS = "/api/jobs/"
ALIVE = frozenset({"PENDING", "RUNNING"})
MESSAGE_CHARS = 2000


class RayJobs:
    """A JobRunner. Where the dashboard is stands in the run file of ``home``, which is read anew each time: a cluster that was restarted
    has another address. Belongs to one event loop."""

    def __init__(self, home: Home, timeout_s: float) -> None:
        self._home = home
        # The dashboard is on this machine; a proxy for the internet does not lead there, and it has no certificate that anybody signed.
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    async def submit(self, submission_id: str, command: Sequence[str], about: Mapping[str, str]) -> None:
        # Replaced by the program, the shell does not stand between it and the signals that Ray sends.
        entrypoint = f"cd {shlex.quote(str(REPOSITORY))} && exec {shlex.join(command)}"
        asked = {"entrypoint": entrypoint, "submission_id": submission_id, "metadata": dict(about)}
        answer = await self._ask("POST", JOBS, asked)
        # Ray refuses an id it has, in words only.
        if not answer.is_success and await self.look(submission_id) is None:
            raise _refused(answer)

    async def look(self, submission_id: str) -> Process | None:
        answer = await self._ask("GET", f"{JOBS}{submission_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise _refused(answer)
        found = answer.json()
        status, message = str(found["status"]), str(found.get("message") or "")
        return Process(status in ALIVE, f"Ray says {status}: {message[-MESSAGE_CHARS:]}" if message else f"Ray says {status}.")

    async def stop(self, submission_id: str) -> None:
        answer = await self._ask("POST", f"{JOBS}{submission_id}/stop")
        if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
            raise _refused(answer)

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        state = read_state(self._home)
        if state is None or state.dashboard_url is None:
            raise Unavailable("Ray is not running yet; `hearth status` shows how far it is (retry in 5 s).")
        headers = {"Authorization": f"Bearer {auth_token(self._home).read_text().strip()}"}
        try:
            return await self._client.request(method, f"{state.dashboard_url}{path}", json=body, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(
                f"Ray's job server does not answer ({type(error).__name__}); the Ray dashboard is it (retry in 5 s)."
            ) from None


def _refused(answer: httpx.Response) -> Unavailable:
    return Unavailable(f"Ray's job server answered {answer.status_code}: {answer.text[-MESSAGE_CHARS:]} (retry in 5 s)")
