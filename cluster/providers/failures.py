"""What may go wrong with a provider, in our terms: which error it is, whether to repeat, and whether the provider is unwell."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime

import httpx2
from pydantic import SecretStr

from cluster.errors import (
    BadInput,
    Cancelled,
    ContextLengthExceeded,
    DeadlineExceeded,
    EngineError,
    HearthError,
    ModelNotFound,
    Overloaded,
    TooLarge,
    Unavailable,
    Unprocessable,
)

SHOWN_CHARS = 300
REPEATED = frozenset({408, 409, 429})
# How providers say that the prompt does not fit, besides OpenAI's code for it.
TOO_LONG = ("context_length_exceeded", "prompt is too long", "maximum context length")
# A 429 with one of these does not pass by waiting.
OUT_OF_CREDIT = ("insufficient_quota", "billing_hard_limit_reached")


class AttemptFailed(Exception):
    """One attempt, inside cluster.providers. ``repeat``: another may go better, after ``wait_s`` where the provider said so.
    ``unwell``: it counts towards leaving the provider alone."""

    def __init__(self, error: HearthError, *, repeat: bool = False, unwell: bool = False, wait_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.repeat = repeat
        self.unwell = unwell
        self.wait_s = wait_s


def passes_on(error: HearthError) -> bool:
    """May another model be asked? Not where the request itself is wrong, or nobody waits any more."""
    return not isinstance(error, BadInput | Cancelled)


def unreachable(provider: str, error: httpx2.TransportError) -> AttemptFailed:
    """No answer: the line broke (worth a repeat) or nothing came in time (not)."""
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout):
        return AttemptFailed(DeadlineExceeded(f"Provider '{provider}' sent nothing in time; ask another model."), unwell=True)
    cause = type(error).__name__
    return AttemptFailed(
        Unavailable(f"Provider '{provider}' cannot be reached ({cause}); check its base_url and the network."), repeat=True, unwell=True
    )


def malformed(provider: str, what: str) -> AttemptFailed:
    return AttemptFailed(EngineError(f"Provider '{provider}' sent {what}; see its status page, or ask another model."), unwell=True)


def cut_short(provider: str) -> AttemptFailed:
    """A stream that ended before the answer did."""
    return AttemptFailed(
        EngineError(f"Provider '{provider}' broke off before its answer was complete; ask again."), repeat=True, unwell=True
    )


def told(provider: str, said: str, code: str | None = None) -> AttemptFailed:
    """An error that came inside a stream, where there is no status."""
    if _too_long(said, code):
        return AttemptFailed(ContextLengthExceeded(_sentence(provider, "does not take a prompt this long", said)))
    return AttemptFailed(Unavailable(_sentence(provider, "failed in mid-answer", said)), repeat=True, unwell=True)


def refused(provider: str, response: httpx2.Response, said: str, code: str | None) -> AttemptFailed:
    """An answer with an error status. ``said`` and ``code`` are what its body says."""
    status = response.status_code
    wait_s = retry_after(response.headers.get("retry-after"))
    repeat = (status in REPEATED or status >= 500) and code not in OUT_OF_CREDIT
    return AttemptFailed(_as_error(provider, status, said, code, wait_s), repeat=repeat, unwell=status >= 500, wait_s=wait_s)


def _as_error(provider: str, status: int, said: str, code: str | None, wait_s: float | None) -> HearthError:
    seconds = math.ceil(wait_s) if wait_s else 1
    if _too_long(said, code):
        return ContextLengthExceeded(_sentence(provider, "does not take a prompt this long", said))
    match status:
        case 400:
            return BadInput(_sentence(provider, "refused the request", said))
        case 401 | 403:
            return EngineError(_sentence(provider, f"refused our key ({status}); correct 'key' in configs/providers.yaml", said))
        case 402:
            return Unavailable(_sentence(provider, "wants to be paid first", said))
        case 404:
            return ModelNotFound(_sentence(provider, "does not know the model", said))
        case 408:
            return DeadlineExceeded(_sentence(provider, "ran out of time (408)", said))
        case 413:
            return TooLarge(_sentence(provider, "does not take a request this large", said))
        case 422:
            return Unprocessable(_sentence(provider, "cannot work with the request", said))
        case 429:
            return Overloaded(_sentence(provider, f"is asked too much (429); retry in {seconds} s", said))
    if status >= 500 or status in REPEATED:
        return Unavailable(_sentence(provider, f"answered {status}; retry in {seconds} s", said))
    return EngineError(_sentence(provider, f"answered {status}; check its base_url", said))


def _too_long(said: str, code: str | None) -> bool:
    return any(sign in said.lower() or sign == code for sign in TOO_LONG)


def _sentence(provider: str, what: str, said: str) -> str:
    said = " ".join(said.split())
    shown = said if len(said) <= SHOWN_CHARS else said[:SHOWN_CHARS] + "..."
    return f"Provider '{provider}' {what}" + (f': "{shown}"' if shown else ".")


def without(said: str, key: SecretStr | None) -> str:
    """``said``, which a provider wrote, with the key taken out, in case it repeats what it was shown."""
    secret = key.get_secret_value() if key else ""
    return said.replace(secret, "***") if secret else said


def retry_after(value: str | None) -> float | None:
    """Seconds, from either form of a Retry-After header; None where there is none, or none that can be read."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
