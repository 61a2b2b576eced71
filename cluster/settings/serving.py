"""What is served, how much of it at once, and where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ByteSize, Field, StringConstraints, model_validator

from cluster.settings.group import Group

# A name, an IPv4 address, an IPv6 address in brackets, or '*' for all.
HostName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^(\*|[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])$")]


class HttpSettings(Group):
    """The one port everything answers on."""

    host: Literal["127.0.0.1", "localhost", "::1"] = Field(
        "127.0.0.1", description="Address to bind; loopback only: what is to be reached from elsewhere belongs behind a proxy with TLS."
    )
    port: int = Field(8003, ge=1, le=65535, description="TCP port of the HTTP API.")
    behind_proxy: bool = Field(
        False, description="Whether a proxy of yours on this machine stands in front, whose X-Forwarded-For is believed."
    )
    traefik_dir: Path | None = Field(
        None,
        description="Folder that the file provider of your Traefik watches: the way to this cluster is there while it serves. "
        "Asks for behind_proxy.",
    )
    replicas: int = Field(1, ge=1, le=64, description="Copies of the HTTP front; one saturates about one core.")
    max_connections: int = Field(4096, ge=16, description="Open connections at once, streams included.")
    max_body: ByteSize = Field(ByteSize(256 * 2**20), description="Largest request body, in bytes.")
    max_headers: int = Field(100, ge=10, description="Headers in one request.")
    max_header_bytes: ByteSize = Field(ByteSize(32 * 2**10), ge=1024, description="All headers of one request, names and values, in bytes.")
    request_timeout_s: float = Field(
        600.0, gt=0, description="Seconds from a request's arrival to the end of its answer, waiting for a model included."
    )
    stream_idle_timeout_s: float = Field(
        180.0, gt=0, description="Seconds a stream may go without a token before it ends with an error event."
    )
    sockets: int = Field(1024, ge=1, description="WebSockets that one copy has open at once.")
    sockets_per_user: int = Field(32, ge=1, description="WebSockets that one user has open at once at one copy.")
    socket_hello_s: float = Field(
        10.0, gt=0, le=600, description="Seconds in which a WebSocket without a token in its headers must say who it is."
    )
    socket_send_s: float = Field(
        20.0, gt=0, le=600, description="Seconds that whoever reads a WebSocket may take for a message before they are cut off."
    )
    socket_ping_s: float = Field(
        15.0, gt=0, le=600, description="Seconds between two signs of life over a WebSocket, at which its token is looked at again."
    )
    socket_message_bytes: ByteSize = Field(ByteSize(64 * 2**10), ge=256, description="Largest message taken over a WebSocket, in bytes.")
    allowed_hosts: tuple[HostName, ...] = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        min_length=1,
        description="Host names (without port) a request may be addressed to; '*' allows all. Guards against DNS rebinding.",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Web origins, such as 'http://localhost:3000', whose pages may call this API from a browser."
    )

    @model_validator(mode="after")
    def _traefik_finds_us(self) -> Self:
        if self.traefik_dir is not None and not self.behind_proxy:
            raise ValueError("traefik_dir asks for behind_proxy: true, so that whom a request comes from is read from what Traefik says")
        if self.traefik_dir is not None and all(host.startswith("[") for host in self.allowed_hosts):
            raise ValueError("traefik_dir asks for a name or an IPv4 address in allowed_hosts")
        return self


class LimitSettings(Group):
    """What one request may ask for, and how much runs at once."""

    vision_tasks: int = Field(2, ge=1, description="Images worked on at once, per model replica; more wait.")
    audio_tasks: int = Field(2, ge=1, description="Sound files worked on at once, per model replica; more wait.")
    queued_requests: int = Field(2048, ge=1, description="Requests that may wait for one model; more get 429.")
    image_bytes: ByteSize = Field(ByteSize(20 * 2**20), description="Largest encoded image, in bytes.")
    image_pixels: int = Field(
        50_000_000, ge=1, description="Largest decoded image, width x height in pixels (guards against decompression bombs)."
    )
    images_per_request: int = Field(10, ge=1, description="Images in one request.")
    audio_bytes: ByteSize = Field(ByteSize(200 * 2**20), description="Largest encoded sound file, in bytes.")
    audio_seconds: float = Field(4 * 3600.0, gt=0, description="Longest sound, in seconds.")
    embedding_inputs: int = Field(2048, ge=1, description="Texts in one embedding request.")
    rerank_documents: int = Field(1000, ge=1, description="Documents in one rerank request.")
    text_chars: int = Field(1_000_000, ge=1, description="Characters in one text of a request.")
    flags: int = Field(500, ge=1, description="Feature flags of one organisation.")
    completions_per_request: int = Field(8, ge=1, description="Largest `n` of a chat or completion request.")


class ResidencySettings(Group):
    """How models that do not all fit take turns."""

    min_stay_s: float = Field(5.0, ge=0, description="Seconds a model that has loaded stays, whoever else waits (against thrash).")
    max_wait_s: float = Field(
        120.0, gt=0, description="Seconds a request waits for its model to become resident before it gets 503 with Retry-After."
    )
    idle_unload_s: float = Field(
        900.0, gt=0, description="Seconds without a request after which an on-demand model leaves the card, wanted or not."
    )
    tick_s: float = Field(0.2, gt=0, description="Seconds between two looks at the queues.")


class RaySettings(Group):
    """The Ray node that `up` starts."""

    num_cpus: int | None = Field(None, ge=1, description="Logical CPUs to offer; by default what the machine has.")
    object_store: ByteSize = Field(ByteSize(256 * 2**20), description="Shared-memory object store, in bytes.")
    dashboard_port: int = Field(8265, ge=1, le=65535, description="Port of the Ray dashboard; the next free one is taken if it is in use.")
    start_timeout_s: float = Field(300.0, gt=0, description="Seconds `up` waits for everything to be ready.")


class LogSettings(Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level that is written.")
    format: Literal["json", "console"] = Field("json", description="`json`: one object a line; `console`: for eyes.")


class TracingSettings(Group):
    """Where spans of requests, graphs, models and tools are sent, as OpenTelemetry has them."""

    endpoint: str | None = Field(
        None,
        max_length=2000,
        pattern=r"^https?://[^@\s]+$",
        description="Address of an OTLP/HTTP collector, such as `http://localhost:4318/v1/traces`; null: nothing is recorded.",
    )
    share: float = Field(1.0, ge=0, le=1, description="Share of the requests that are recorded, unless whoever asks has decided.")
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds the collector has to take a batch of spans.")
    queued_spans: int = Field(4096, ge=1, le=1_000_000, description="Spans that wait to be sent; more are dropped.")
