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
