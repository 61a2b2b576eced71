"""Every error Hearth raises on purpose, as one tree.

    HearthError (500)
    ├── BadInput (400)              the request cannot be carried out as written
    │   ├── UnsupportedMedia (415)  the bytes are not in a format we read
    │   ├── Unprocessable (422)     the format is right, the content is not
    │   │   └── AddressRefused (422) nothing is sent there; says who could allow it
    │   ├── TooLarge (413)          over a limit that is a setting
    │   ├── SlowRequest (408)       the body did not arrive in time
    │   └── ConfigError (400)       a settings, profile or catalog file is wrong
    ├── Unauthorized (401)          nobody is known to ask; says how to sign in
    ├── Forbidden (403)             known, and not allowed; says who could
    ├── NotFound (404)              names the nearest thing that exists
    ├── Conflict (409)              the state does not allow it now
    ├── RemoteFailed (424)          a server elsewhere, which the request names, does not answer as it should
    ├── Cancelled (499)             the caller left or asked to stop
    ├── Overloaded (429)            too many at once; carries how long to wait
    ├── Unavailable (503)           not ready; carries how long to wait
    ├── DeadlineExceeded (504)      accepted, not finished in time
    └── EngineError (500)           an engine failed; says which and what to try

Each takes exactly one message, which tells the reader what to do next. One argument only, because an exception with more loses its type
when it crosses a Serve handle (Ray rebuilds it as ``type(error)(str(error))``). What a handler needs besides stands on the class.
"""

from __future__ import annotations

import re
from typing import ClassVar, Self


class HearthError(Exception):
    """Base of the tree. ``status`` is the HTTP status, ``code`` the machine-readable name in the error body."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    # Path of the request field that is wrong, such as ``messages.0.role``. Known only on this side of a Serve handle.
    param: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def about(self, param: str | None) -> Self:
        """The same error, naming the request field it is about: ``raise BadInput("...").about("n")``."""
        self.param = param
        return self


class BadInput(HearthError):
    status, code, type = 400, "bad_input", "invalid_request_error"


class UnsupportedMedia(BadInput):
    status, code = 415, "unsupported_media"


class Unprocessable(BadInput):
    status, code = 422, "unprocessable"


class AddressRefused(Unprocessable):
    code = "address_refused"


class TooLarge(BadInput):
    status, code = 413, "too_large"


class ContextLengthExceeded(TooLarge):
    """The prompt does not fit the model's context; the message carries counted and allowed tokens."""

    code = "context_length_exceeded"


class HeadersTooLarge(BadInput):
    """Too many headers, or too large ones; the limits are the settings http.max_headers and http.max_header_bytes."""

    status, code = 431, "headers_too_large"


class SlowRequest(BadInput):
    status, code = 408, "slow_request"


class ConfigError(BadInput):
    code = "config_error"


class Unauthorized(HearthError):
    status, code, type = 401, "unauthorized", "authentication_error"


class Forbidden(HearthError):
    status, code, type = 403, "forbidden", "permission_error"


class NotFound(HearthError):
    status, code, type = 404, "not_found", "invalid_request_error"


class ModelNotFound(NotFound):
    code = "model_not_found"


class Conflict(HearthError):
    status, code, type = 409, "conflict", "invalid_request_error"


class RemoteFailed(HearthError):
    status, code, type = 424, "remote_failed", "invalid_request_error"


class Cancelled(HearthError):
    status, code, type = 499, "cancelled", "invalid_request_error"


class _Waitable(HearthError):
    """An error that passes by itself. The wait travels in the message, since only the message crosses a handle."""

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until a retry makes sense: the number in "retry in N s" in the message, else 1."""
        found = re.search(r"retry in (\d+) s", self.message)
        return max(1, int(found.group(1))) if found else 1


class Overloaded(_Waitable):
    status, code, type = 429, "overloaded", "rate_limit_error"


class RateLimited(Overloaded):
    """A limit of the key, the user or the organisation; the message says which, and when it passes."""

    code = "rate_limit_exceeded"


class QuotaSpent(Overloaded):
    """The tokens of the day or the budget of the month are used up; the message says whose, and when they start anew."""

    code = "insufficient_quota"


class Unavailable(_Waitable):
    status, code = 503, "unavailable"


class DeadlineExceeded(HearthError):
    status, code = 504, "deadline_exceeded"


class EngineError(HearthError):
    code = "engine_error"
