"""Settings: one typed tree, filled in the order defaults -> profile YAML -> environment (``HEARTH_*``) -> flag.

``HEARTH_HTTP__PORT=9000`` sets ``http.port``. An unknown name is refused, and the message names the nearest valid one. Importing this
module reads nothing; :func:`load_settings` is called once, in ``main``, and the result is passed down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationError

from cluster.errors import ConfigError
from cluster.specs.loader import explain, nearest

PREFIX = "HEARTH_"
# Names of ours that processes hand to each other (see cluster/runtime); they are not settings.
INTERNAL = frozenset({"HEARTH_CLUSTER_MARK", "HEARTH_HAPROXY"})


class Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class HttpSettings(Group):
    """The one port everything answers on."""

    host: Literal["127.0.0.1", "localhost", "::1"] = Field(
        "127.0.0.1", description="Address to bind; loopback only, because there are no accounts yet."
    )
    port: int = Field(8003, ge=1, le=65535, description="TCP port of the HTTP API.")
    replicas: int = Field(1, ge=1, le=64, description="Copies of the HTTP front; one saturates about one core.")
    max_connections: int = Field(4096, ge=16, description="Open connections at once, streams included.")
    max_body: ByteSize = Field(ByteSize(256 * 2**20), description="Largest request body, in bytes.")
    request_timeout_s: float = Field(
        600.0, gt=0, description="Seconds from a request's arrival to the end of its answer, waiting for a model included."
    )
    stream_idle_timeout_s: float = Field(
        180.0, gt=0, description="Seconds a stream may go without a token before it ends with an error event."
    )
    allowed_hosts: tuple[str, ...] = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        min_length=1,
        description="Host names (without port) a request may be addressed to; '*' allows all. Guards against DNS rebinding.",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Web origins, such as 'http://localhost:3000', whose pages may call this API from a browser."
    )


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
    text_chars: int = Field(1_000_000, ge=1, description="Characters in one text of a request.")
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


class StorageSettings(Group):
    """Where what people say and own is kept."""

    database_url_file: Path | None = Field(
        None,
        description="File (mode 0600) with the address of a PostgreSQL of yours: postgresql+psycopg://user:password@host/database. "
        "By default Hearth runs one.",
    )
    redis_url_file: Path | None = Field(
        None,
        description="File (mode 0600) with the address of a Redis of yours: redis://:password@host:6379/0. By default Hearth runs one.",
    )
    pool_size: int = Field(10, ge=1, le=500, description="Database connections that each API process keeps open.")
    pool_overflow: int = Field(10, ge=0, le=500, description="Connections above pool_size in a rush.")
    pool_timeout_s: float = Field(10.0, gt=0, description="Seconds a request waits for a connection before it gets 503.")
    pool_recycle_s: int = Field(3600, ge=1, description="Seconds after which a connection is replaced.")
    connect_timeout_s: int = Field(5, ge=1, description="Seconds to wait for the database to take a connection.")


class ConversationSettings(Group):
    """What people said, and answers that are being written."""

    retention_days: int = Field(365, ge=1, le=36500, description="Days without activity after which a conversation is deleted.")
    deleted_retention_days: int = Field(30, ge=0, le=36500, description="Days a conversation stays after it was deleted softly.")
    stream_token_s: int = Field(300, ge=1, le=86400, description="Seconds a stream token may wait for its first use.")
    stream_kept_s: int = Field(3600, ge=60, le=604800, description="Seconds a stream can be resumed after its last event.")
    lease_s: float = Field(10.0, gt=0.1, le=600, description="Seconds after which an answer whose API process fell silent is taken over.")
    sweep_s: float = Field(3.0, gt=0, le=600, description="Seconds between two looks for answers that nobody writes any more.")
    keepalive_s: float = Field(15.0, gt=0, le=300, description="Seconds of silence after which a stream sends an empty comment.")
    most_messages: int = Field(10_000, ge=10, description="Messages in one conversation.")


class OidcIssuer(Group):
    """An OpenID Connect issuer (Keycloak or any other) whose people may sign in."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="What it is called in paths: lower case, digits, hyphens.")
    issuer: str = Field(
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|/|$))\S+$",
        description="Its address, exactly as its tokens say it; https, or http on this machine.",
    )
    client_id: str = Field(min_length=1, description="What Hearth is called there.")
    client_secret_file: Path | None = Field(None, description="File (mode 0600) with the client secret; none for a public client.")
    audience: str | None = Field(None, description="What its access tokens must be made out to; by default client_id.")
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"], ...] = Field(
        ("RS256", "PS256", "ES256"), min_length=1, description="Signatures that are accepted."
    )
    redirect_uris: tuple[str, ...] = Field((), description="Addresses that a sign-in may return to, exactly.")
    roles_claim: str = Field("realm_access.roles", description="Where a token lists roles; dots lead inwards.")
    roles: dict[str, Literal["viewer", "editor", "admin"]] = Field(
        {"hearth-viewer": "viewer", "hearth-editor": "editor", "hearth-admin": "admin"},
        description="Role here by role there; of several the highest counts.",
    )
    default_role: Literal["viewer", "editor", "admin"] | None = Field(
        "viewer", description="Role of somebody with none of these; null: they may not sign in."
    )
    organisation_id: str | None = Field(None, description="Organisation that its people join; by default the first that was made.")
    link_verified_email: bool = Field(
        False, description="Whether somebody whose e-mail the issuer has verified takes over the local account with that e-mail."
    )


class AuthSettings(Group):
    """Who may ask, and how they show it."""

    cache_s: float = Field(
        5.0, ge=0, le=300, description="Seconds a verified key or token is not looked up again; a revocation takes effect within them."
    )
    cache_entries: int = Field(10_000, ge=1, description="Verified keys and tokens that one process remembers.")
    access_token_s: int = Field(900, ge=10, le=86400, description="Seconds an access token is valid.")
    refresh_token_s: int = Field(30 * 86400, ge=60, description="Seconds a refresh token may wait for its use.")
    invitation_s: int = Field(7 * 86400, ge=60, description="Seconds somebody who was added has to choose a password.")
    audience: str = Field("hearth", min_length=1, description="What access tokens are made out to.")
    issuer: str = Field("hearth", min_length=1, description="Who made them.")
    public_metrics: bool = Field(True, description="Whether /metrics answers without a key.")
    failures_per_account: int = Field(5, ge=1, description="Failed sign-ins to one account after which it is slowed.")
    failures_per_address: int = Field(50, ge=1, description="Failed sign-ins from one address after which it is slowed.")
    first_ban_s: int = Field(1, ge=1, description="Seconds until the next try after that; each further failure doubles them.")
    longest_ban_s: int = Field(900, ge=1, description="Longest such wait, in seconds.")
    failure_memory_s: int = Field(3600, ge=1, description="Seconds after the last failure until failures are forgotten.")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses of proxies in front whose X-Forwarded-For says where a request comes from."
    )
    key_overlap_s: int = Field(86400, ge=0, description="Seconds a rotated API key stays valid beside its successor.")
    jwks_refetch_s: float = Field(30.0, ge=0, description="Seconds between two looks at an issuer's keys for one that is not known.")
    jwks_max_age_s: float = Field(3600.0, gt=0, description="Seconds after which an issuer's keys are fetched again.")
    oidc_timeout_s: float = Field(10.0, gt=0, description="Seconds an issuer has to answer.")
    oidc: tuple[OidcIssuer, ...] = Field((), description="OpenID Connect issuers (see below).")


class LogSettings(Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level that is written.")
    format: Literal["json", "console"] = Field("json", description="`json`: one object a line; `console`: for eyes.")


class Settings(Group):
    """Everything that can be set. ``home`` holds all state (models, run files, logs)."""

    home: Annotated[Path, Field(description="Folder of all state.")] = Path("~/.hearth")
    profile: str = Field("laptop", description="Name of a profile in configs/profiles, or the path of a YAML file.")
    offline: bool = Field(False, description="Never reach for the network (model hub); what is not here is refused with a reason.")
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    residency: ResidencySettings = ResidencySettings()
    ray: RaySettings = RaySettings()
    storage: StorageSettings = StorageSettings()
    conversations: ConversationSettings = ConversationSettings()
    auth: AuthSettings = AuthSettings()
    log: LogSettings = LogSettings()


Tree = dict[str, Any]
T = TypeVar("T")


def load_settings(
    profile: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from the layers given (``env`` None: this process's environment). Dotted keys in ``flags`` name nested settings.

    Raises ConfigError naming the layer, the key and the nearest valid key.
    """
    layers = (
        ("profile", dict(profile or {})),
        ("environment", _from_env(os.environ if env is None else env)),
        ("flags", _nest((flags or {}).items(), ".")),
    )
    merged: Tree = {}
    for name, layer in layers:
        _validated(name, layer)  # each layer alone first, so that a mistake is blamed on the layer that made it
        merged = _merge(merged, layer)
    settings = _validated("settings", merged)
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def _validated(layer: str, tree: Tree) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(explain(error, Settings, layer)) from None


def _from_env(env: Mapping[str, str]) -> Tree:
    ours = {key: value for key, value in env.items() if key.startswith(PREFIX) and key not in INTERNAL}
    tops = set(Settings.model_fields)
    for key in ours:
        top = key.removeprefix(PREFIX).lower().split("__")[0]
        if top not in tops:
            hint = nearest(top, tops)
            raise ConfigError(f"environment: {key} is not a setting" + (f"; did you mean {PREFIX}{hint.upper()}?" if hint else "."))
    return _nest(((key.removeprefix(PREFIX).lower(), value) for key, value in ours.items()), "__")


def _nest(items: Any, separator: str) -> Tree:
    tree: Tree = {}
    for key, value in items:
        if value is None:
            continue
        *parents, leaf = key.split(separator)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


def _merge(below: Tree, above: Tree) -> Tree:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
