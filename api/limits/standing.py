"""How a subject stands to its limits at one moment, and the words and headers that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from api.limits.periods import next_day, next_month
from api.limits.quotas import BILLION, Quota
from api.limits.subjects import Subject, SubjectKind
from cluster.errors import Overloaded, QuotaSpent, RateLimited

WHOSE = {SubjectKind.KEY: "This API key", SubjectKind.USER: "You", SubjectKind.ORGANISATION: "Your organisation"}
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """``wait_ms``: until one more request is taken; ``whole_ms``: until all of them are there again if none is sent. ``known``: whether
    tokens and cost are counted already."""

    subject: Subject
    quota: Quota
    known: bool
    requests_left: int
    wait_ms: int
    whole_ms: int
    tokens: int
    cost_nano: int
    open: int

    @property
    def tokens_left(self) -> int:
        return max(0, self.quota.tokens_per_day - self.tokens)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``refused``: who refuses, and what is used up (a word of api.limits.scripts.REASONS); None: the request is taken."""

    standings: Sequence[Standing]
    moment: datetime
    refused: tuple[Standing, str] | None = None

    def error(self) -> Overloaded | None:
        """What to answer, with the time to wait."""
        if self.refused is None:
            return None
        standing, reason = self.refused
        quota, subject = standing.quota, standing.subject
        whose = WHOSE[subject.kind]
        have = "have" if subject.kind is SubjectKind.USER else "has"
        if reason == "requests":
            wait_s = max(1, ceil(standing.wait_ms / 1000))
            most = quota.requests_per_minute
            return RateLimited(f"{whose} {have} sent {most} requests in a minute, which is the limit; retry in {wait_s} s.")
        if reason == "concurrent":
            most = quota.concurrent
            return RateLimited(f"{whose} {have} {most} requests to models open, which is the limit; end one, or retry in 1 s.")
        spent, used, most_of = self._spent(standing, reason)
        until = self.resets(reason)
        return QuotaSpent(
            f"{whose} {have} used {used} of {most_of}; {spent} starts anew at {until:%Y-%m-%dT%H:%M:%SZ}. Ask an admin for more, or retry "
            f"in {self._seconds(until)} s."
        )

    def resets(self, reason: str) -> datetime:
        return next_day(self.moment) if reason == "tokens" else next_month(self.moment)

    def headers(self, *, openai: bool) -> Headers:
        """``openai``: the names of OpenAI's API too."""
        shown = {**self._requests(openai=openai), **self._tokens(openai=openai)}
        if self.refused is not None:
            shown |= self._of_refusal(*self.refused)
        return shown

    def _requests(self, *, openai: bool) -> Headers:
        limited = [standing for standing in self.standings if standing.quota.requests_per_minute]
        if not limited:
            return {}
        tightest = min(limited, key=lambda standing: standing.requests_left)
        most, left, reset_s = tightest.quota.requests_per_minute, tightest.requests_left, ceil(tightest.whole_ms / 1000)
        shown = _general(most, left, reset_s)
        return shown | (_openai("requests", most, left, reset_s) if openai else {})

    def _tokens(self, *, openai: bool) -> Headers:
        limited = [standing for standing in self.standings if standing.quota.tokens_per_day]
        if not openai or not limited:
            return {}
        tightest = min(limited, key=lambda standing: standing.tokens_left)
        return _openai("tokens", tightest.quota.tokens_per_day, tightest.tokens_left, self._seconds(self.resets("tokens")))

    def _of_refusal(self, standing: Standing, reason: str) -> Headers:
        """What is used up is what the general headers speak of."""
        quota = standing.quota
        if reason == "requests":
            return _general(quota.requests_per_minute, 0, ceil(standing.whole_ms / 1000))
        if reason == "concurrent":
            return _general(quota.concurrent, 0, 1)
        if reason == "tokens":
            return _general(quota.tokens_per_day, 0, self._seconds(self.resets(reason)))
        return {**_general(0, 0, self._seconds(self.resets(reason))), "X-RateLimit-Limit": _amount(quota.budget_nano)}

    def _spent(self, standing: Standing, reason: str) -> tuple[str, str, str]:
        if reason == "tokens":
            return "the day's limit", str(standing.tokens), f"{standing.quota.tokens_per_day} tokens of this day"
        return "the budget", _amount(standing.cost_nano), f"{_amount(standing.quota.budget_nano)} of this month's budget"

    def _seconds(self, until: datetime) -> int:
        return max(1, ceil((until - self.moment).total_seconds()))


def _general(most: int, left: int, reset_s: int) -> Headers:
    return {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": str(reset_s)}


def _openai(what: str, most: int, left: int, reset_s: int) -> Headers:
    return {
        f"x-ratelimit-limit-{what}": str(most),
        f"x-ratelimit-remaining-{what}": str(left),
        f"x-ratelimit-reset-{what}": _duration(reset_s),
    }


def _duration(seconds: int) -> str:
    """As OpenAI writes it: ``1s``, ``6m0s``, ``1h0m0s``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def _amount(nano: int) -> str:
    """To the cent, and further where that would say nothing."""
    return f"{nano / BILLION:.2f}" if nano >= BILLION // 100 or nano == 0 else f"{nano / BILLION:.9f}".rstrip("0")
