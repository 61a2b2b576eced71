"""Requests that go out, as people ask for them and find them again."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from api.outgoing.repository import HostTotals
from api.web.schema import Answer, Body, FormBody
from cluster.outgoing.tables import OutgoingRequest

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
HeaderValue = Annotated[str, Field(max_length=4096, pattern=r"^[!-~]([ !-~]*[!-~])?$|^$")]
MediaRange = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]*$", max_length=100)]


class HttpBody(Body):
    url: str = Field(min_length=1, max_length=4096, description="http or https, without user and password.")
    method: Method = "GET"
    headers: dict[HeaderName, HeaderValue] = Field(
        {}, max_length=50, description="A value `secret:NAME`, or `Bearer secret:NAME`, stands for a secret; that needs an admin."
    )
    body: str | None = Field(None, max_length=2**20, description="Text that is sent, in UTF-8; say what it is in `Content-Type`.")
    expect: list[MediaRange] = Field([], max_length=20, description="What the answer may be, as `text/html` or `image/`; empty: anything.")
    timeout_s: float | None = Field(None, gt=0, le=600, description="Seconds; outgoing.timeout_s bounds it.")
    max_bytes: int | None = Field(
        None, ge=1, le=2**40, description="Largest answer, unpacked, in bytes; outgoing.response_bytes bounds it."
    )


class HttpHop(Answer):
    """One exchange: a redirect or a repetition is another."""

    url: str
    address: str | None = None
    status: int | None = None
    error: str | None = None
    ms: int | None = None


class HttpEntry(Answer):
    id: uuid.UUID
    created_at: datetime
    finished_at: datetime | None = Field(description="Null: it is under way, or its process died.")
    user_id: uuid.UUID | None
    request_id: str | None = Field(description="Of the request to this API that asked for it.")
    job_id: uuid.UUID | None = Field(description="Of the job that asked for it.")
    purpose: str
    method: str
    url: str = Field(description="Without secrets.")
    final_url: str | None = Field(description="Where the redirects led.")
    host: str
    address: str | None = Field(description="That was connected to last.")
    status: int | None
    media_type: str | None = Field(description="As the answer says.")
    found_type: str | None = Field(description="As its content shows.")
    sent_bytes: int
    bytes: int | None = Field(description="Of the content, unpacked.")
    ms: int | None
    hops: list[HttpHop]
    error: str | None
    message: str | None

    @classmethod
    def of(cls, row: OutgoingRequest) -> HttpEntry:
        fields: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields if name != "hops"}
        return cls(**fields, hops=[HttpHop.model_validate(hop) for hop in row.hops])


class HttpReply(Answer):
    request: HttpEntry
    headers: dict[str, str]
    text: str | None = Field(description="The content, where it is text.")
    base64: str | None = Field(description="The content, where it is not.")


class HttpQuery(FormBody):
    host: str | None = Field(None, min_length=1, max_length=253)
    method: Method | None = None
    status: int | None = Field(None, ge=100, le=999)
    error: str | None = Field(None, pattern=r"^[a-z_]{1,64}$", description="Name of what went wrong, such as `address_refused`.")
    purpose: str | None = Field(None, pattern=r"^[a-z:_-]{1,64}$", description="`http`, or `connector:` and its name.")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Requests on a page.")


class StatisticsQuery(FormBody):
    hours: int = Field(24, ge=1, le=24 * 14, description="How far back, in hours.")
    limit: int = Field(50, ge=1, le=500, description="Hosts, the busiest first.")


class HostStatistics(Answer):
    host: str
    requests: int
    failed: int = Field(description="Without an answer, with one that was not taken, or with an error status.")
    refused: int = Field(description="Addresses that may not be asked.")
    bytes: int
    p50_ms: float | None
    p95_ms: float | None

    @classmethod
    def of(cls, totals: HostTotals) -> HostStatistics:
        return cls(**{name: getattr(totals, name) for name in cls.model_fields})


class HttpStatistics(Answer):
    since: datetime
    hosts: list[HostStatistics]


class RemoveQuery(FormBody):
    older_than_days: float = Field(0, ge=0, le=14, allow_inf_nan=False, description="Days; 0: everything.")


class Removed(Answer):
    removed: int
