"""A corner of a running cluster in which learning changes nothing for anybody else: an organisation of its own, over HTTP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import tenacity

from cluster.errors import EngineError, Unavailable

TIMEOUT_S = 120.0
LOOK_S = 0.5
# What a busy API asks to try again, and how often that is done; the last answer counts.
BUSY, TRIES = frozenset({429, 503}), 30
AGAIN = tenacity.Retrying(
    retry=tenacity.retry_if_result(lambda answer: answer.status_code in BUSY),
    wait=tenacity.wait_fixed(LOOK_S),
    stop=tenacity.stop_after_attempt(TRIES),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else None,
)
Progress = Callable[[Mapping[str, Any]], None]


@dataclass
class Place:
    """The API of a cluster as whoever has ``key`` sees it. Raises EngineError with the API's own words."""

    url: str
    key: str = field(repr=False)
    # The job that is waited for.
    job: str | None = None

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=TIMEOUT_S, headers={"Authorization": f"Bearer {self.key}"})

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The data of an answer of ``/api/v1``."""
        return self.send(method, f"/api/v1/{path}", json=body, **more).json()["data"]

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = AGAIN(self.once, method, path, **more)
        if not answer.is_success:
            raise EngineError(f"{method} {path} answered {answer.status_code}: {_words(answer)}")
        return answer

    def once(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Whatever is answered, errors too. Raises Unavailable where nothing is."""
        try:
            return self.http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"{method} {path} was not answered ({error}); is the cluster up? (retry in 5 s)") from None

    def ended(self, job_id: str, look: Progress = lambda job: None) -> dict[str, Any]:
        """The job, when it has ended well; ``look`` sees it each time it is asked for."""
        self.job = job_id
        while True:
            job: dict[str, Any] = self.ask("GET", f"jobs/{job_id}")
            look(job)
            if job["state"] == "succeeded":
                self.job = None
                return job
            if job["state"] in {"failed", "cancelled"}:
                self.job = None
                raise EngineError(f"The job {job['kind']} {job['state']}: {job['error'] or 'no reason was given'}")
            time.sleep(LOOK_S)

    def give_up(self) -> None:
        """Ends the job that is waited for, if there is one; returns when it has ended."""
        if self.job is None:
            return
        self.ask("POST", f"jobs/{self.job}/cancel")
        while self.ask("GET", f"jobs/{self.job}")["state"] not in {"succeeded", "failed", "cancelled"}:
            time.sleep(LOOK_S)
        self.job = None


def make_place(url: str, admin_key: str, name: str) -> str:
    """Makes an organisation called ``name`` with one admin, who belongs to no other; returns a key of theirs."""
    admin, words = Place(url, admin_key), secrets.token_urlsafe(24)
    email = f"{name}-{secrets.token_hex(4)}@learning.invalid"
    user = admin.ask("POST", "users", {"email": email, "name": name, "role": "admin", "password": words})["user"]
    try:
        pair = admin.ask("POST", "auth/login", {"email": email, "password": words})
        made = Place(url, pair["access_token"]).ask("POST", "organisations", {"name": name})
        pair = admin.ask("POST", "auth/refresh", {"refresh_token": pair["refresh_token"], "organisation_id": made["id"]})
        key: str = Place(url, pair["access_token"]).ask("POST", "keys", {"name": name})["key"]
    finally:
        admin.ask("DELETE", f"users/{user['id']}")
    return key


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]
