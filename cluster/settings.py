"""Settings: one typed tree, filled in the order defaults -> profile YAML -> environment (``HEARTH_*``) -> flag.

``HEARTH_HTTP__PORT=9000`` sets ``http.port``. An unknown name is refused, and the message names the nearest valid one. Importing this
module reads nothing; :func:`load_settings` is called once, in ``main``, and the result is passed down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationError, field_validator

from cluster.errors import ConfigError
from cluster.outgoing.places import Place
from cluster.specs.loader import explain, nearest

PREFIX = "HEARTH_"
# Names of ours that processes hand to each other (see cluster/runtime); they are not settings.
INTERNAL = frozenset({"HEARTH_CLUSTER_MARK", "HEARTH_HAPROXY", "HEARTH_FORWARDED"})


class Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class HttpSettings(Group):
    """The one port everything answers on."""

    host: Literal["127.0.0.1", "localhost", "::1"] = Field(
        "127.0.0.1", description="Address to bind; loopback only: what is to be reached from elsewhere belongs behind a proxy with TLS."
    )
    port: int = Field(8003, ge=1, le=65535, description="TCP port of the HTTP API.")
    behind_proxy: bool = Field(
        False, description="Whether a proxy of yours on this machine stands in front, whose X-Forwarded-For is believed."
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
    rerank_documents: int = Field(1000, ge=1, description="Documents in one rerank request.")
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
    pool_timeout_s: float = Field(30.0, gt=0, description="Seconds a request waits for a connection before it gets 503.")
    pool_recycle_s: int = Field(3600, ge=1, description="Seconds after which a connection is replaced.")
    connect_timeout_s: int = Field(5, ge=1, description="Seconds to wait for the database to take a connection.")


class BackupSettings(Group):
    """Backup and restore."""

    kept_before_migration: int = Field(
        3, ge=0, le=1000, description="Backups that are kept of those made before a migration, below HEARTH_HOME/backups; 0: none is made."
    )
    timeout_s: float = Field(6 * 3600.0, gt=0, description="Seconds that dumping the database may take, and loading it.")
    lock_wait_s: float = Field(60.0, ge=1, le=3600, description="Seconds a backup waits for a table, or for the keys, that are changed.")
    restored_bytes: ByteSize = Field(ByteSize(2**40), description="Largest content that a backup is unpacked to, in bytes.")
    restored_files: int = Field(1_000_000, ge=1, description="Files that a backup may hold.")


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
    count_timeout_s: float = Field(
        1.0, gt=0, le=60, description="Seconds a model may take to count a prompt beforehand; then its own limit decides."
    )
    compact_keep_messages: int = Field(6, ge=0, le=1000, description="Latest messages that a summary leaves as they are.")
    compact_summary_tokens: int = Field(512, ge=16, le=16384, description="Longest summary of a conversation's older messages, in tokens.")


class JobSettings(Group):
    """Work that takes time, each piece a Ray job of its own."""

    concurrent: int = Field(4, ge=1, le=10_000, description="Jobs that run at once.")
    concurrent_per_organisation: int = Field(2, ge=1, le=10_000, description="Jobs of one organisation that run at once.")
    max_attempts: int = Field(5, ge=1, le=1000, description="Processes that a job may lose before it has failed.")
    look_s: float = Field(1.0, gt=0, le=600, description="Seconds between two looks for queued jobs, and at those that run.")
    lost_after_s: float = Field(60.0, ge=0.5, description="Seconds without a sign of life after which a job's process counts as lost.")
    start_timeout_s: float = Field(300.0, gt=0, description="Seconds a job's process has to begin, its environment included.")
    cancel_grace_s: float = Field(30.0, ge=0, description="Seconds a cancelled job has to end by itself; then its process is ended.")
    exit_grace_s: float = Field(30.0, gt=0, description="Seconds a job's process has to go once its job has ended; then it is ended.")
    resume_wait_s: float = Field(
        2.0, ge=0, le=600, description="Seconds until a lost process is replaced; they double with each, up to ten minutes."
    )
    report_s: float = Field(1.0, ge=0, description="Seconds between two reports of progress that are written down.")
    keepalive_s: float = Field(15.0, gt=0, le=300, description="Seconds of silence after which a stream of events sends an empty comment.")
    kept_days: int = Field(90, ge=1, le=36500, description="Days a job stays after it ended.")
    log_lines: int = Field(10_000, ge=0, description="Lines of log kept of each job; Ray's own log of the process has all.")
    log_line_chars: int = Field(4000, ge=80, description="Longest such line, in characters.")
    spec_bytes: ByteSize = Field(ByteSize(2**20), ge=1024, description="Largest description of a job, and largest result, in bytes.")
    ray_timeout_s: float = Field(30.0, gt=0, description="Seconds Ray has to answer when a job is submitted, looked at or stopped.")


class VectorSettings(Group):
    """The index of everybody's knowledge, below HEARTH_HOME/vectors."""

    exact_points: int = Field(
        50_000, ge=100, description="Points of one embedding model up to which search compares all; beyond, a quantised index is built."
    )
    rebuild_share: float = Field(0.2, gt=0, le=10, description="Share of the points that may change until the index is built anew.")
    quiet_s: float = Field(5.0, ge=0, le=3600, description="Seconds without a write until an index is built.")
    build_threads: int = Field(1, ge=1, le=64, description="Threads that build an index, in a process of low priority.")
    build_timeout_s: float = Field(4 * 3600.0, gt=0, description="Seconds that building an index may take.")
    search_width: int = Field(256, ge=8, le=4096, description="Candidates kept while walking the index (`hnsw_ef`).")
    keyword_language: str = Field(
        "english",
        pattern=r"^[a-z]{3,20}$",
        description="Language whose word forms and stop words keyword search knows; `none`: words as they are. For new indexes.",
    )
    points_per_write: int = Field(1024, ge=1, le=65536, description="Points in one write.")
    results_per_search: int = Field(1000, ge=1, le=10_000, description="Largest number of candidates or results of one search.")
    spaces: int = Field(32, ge=1, le=1000, description="Embedding models whose vectors are kept, in all their forms.")
    call_timeout_s: float = Field(60.0, gt=0, description="Seconds one call of the index may take.")
    lock_wait_s: float = Field(30.0, ge=0, description="Seconds a write waits for a backup's copy, and a start for its predecessor.")


class IngestSettings(Group):
    """How documents are read. What is over a limit is listed with its reason; the rest goes on."""

    file_bytes: ByteSize = Field(ByteSize(256 * 2**20), ge=1024, description="Largest single file, unpacked, in bytes.")
    archive_bytes: ByteSize = Field(ByteSize(2 * 2**30), ge=1024, description="All that an archive or e-mail holds, unpacked, in bytes.")
    archive_members: int = Field(20_000, ge=1, description="Files in an archive or e-mail, those of archives in it included.")
    archive_depth: int = Field(3, ge=1, le=20, description="Archives and e-mails within each other.")
    archive_ratio: int = Field(200, ge=2, description="Largest ratio of unpacked to packed size, from one mebibyte on.")
    folder_files: int = Field(1_000_000, ge=1, description="Files in a folder.")
    text_chars: int = Field(20_000_000, ge=1000, description="Longest text of one document, in characters; more is cut, and said.")
    pages: int = Field(5000, ge=1, description="Pages or slides of one document; more are left out, and said.")
    ocr_pages: int = Field(200, ge=0, description="Pages of one document that are read from their picture.")
    ocr_pixels: int = Field(4_000_000, ge=10_000, description="Size of such a picture, width x height in pixels.")
    table_rows: int = Field(200_000, ge=1, description="Rows of one table; more are left out, and said.")
    table_columns: int = Field(1000, ge=1, description="Columns of one table; more are left out, and said.")
    cell_chars: int = Field(32_767, ge=1, description="Longest cell of a table, in characters; more is cut, and said.")
    parse_timeout_s: float = Field(120.0, gt=0, description="Seconds that reading one file may take.")
    parse_memory: ByteSize = Field(
        ByteSize(4 * 2**30),
        ge=256 * 2**20,
        description="Address space of the process that reads files, in bytes; a file that needs more is listed.",
    )
    chunk_chars: int = Field(1000, ge=50, description="Longest chunk, in characters.")
    chunk_overlap_chars: int = Field(200, ge=0, description="Characters that neighbouring chunks share; less than chunk_chars.")
    parent_chars: int = Field(4000, ge=50, description="Longest parent of chunks, in characters.")
    embed_batch: int = Field(64, ge=1, le=4096, description="Chunks embedded and written at once.")
    block_bytes: ByteSize = Field(ByteSize(4 * 2**20), ge=64 * 2**10, description="Target size of what travels between stages, in bytes.")
    object_store: ByteSize = Field(
        ByteSize(64 * 2**20), ge=2**20, description="Share of Ray's object store that one ingestion may fill, in bytes."
    )
    workers: int = Field(
        2, ge=1, le=1000, description="Processes that read files at once, and as many that embed; spread over all Ray nodes."
    )
    worker_cpus: float = Field(0.5, gt=0, le=64, description="CPUs that each of them books with Ray.")
    niceness: int = Field(5, ge=0, le=19, description="How far they stand back for CPU time, as of nice(1); 0: not at all.")
    wave: int = Field(5000, ge=1, le=100_000, description="Documents that one pass of a job takes; what is uploaded meanwhile is the next.")
    patience_s: float = Field(600.0, gt=0, description="Seconds that a job waits for a model or the index, which may be loading or busy.")
    upload_files: int = Field(500, ge=1, le=10_000, description="Files in one upload.")
    collections: int = Field(1000, ge=1, description="Collections of one organisation.")
    documents: int = Field(1_000_000, ge=1, description="Documents of one collection, those in archives not counted.")
    sweep_s: float = Field(30.0, gt=0, description="Seconds between two looks for documents whose removal was interrupted.")
    unclaimed_s: float = Field(6 * 3600.0, gt=0, description="Seconds until a file that an interrupted upload left is removed.")


class FileSettings(Group):
    """Files that people hand in through OpenAI's API, and those that batches make."""

    file_bytes: ByteSize = Field(ByteSize(200 * 2**20), ge=1, description="Largest file, in bytes; http.max_body bounds it too.")
    per_organisation: int = Field(10_000, ge=1, description="Files of one organisation.")
    organisation_bytes: ByteSize = Field(ByteSize(50 * 2**30), ge=1, description="All files of one organisation, in bytes.")
    batch_kept_days: int = Field(30, ge=1, le=36500, description="Days a file of requests stays, where its upload says nothing else.")
    sweep_s: float = Field(60.0, gt=0, le=3600, description="Seconds between two looks for files past their time.")
    unclaimed_s: float = Field(6 * 3600.0, ge=1, description="Seconds until a file that an interrupted upload left is removed.")


class BatchSettings(Group):
    """Batches: files of requests that are answered when models have nothing else to do."""

    requests: int = Field(50_000, ge=1, le=10_000_000, description="Requests in one batch.")
    line_bytes: ByteSize = Field(ByteSize(32 * 2**20), ge=1024, description="Longest line of a file of requests, in bytes.")
    open_per_organisation: int = Field(100, ge=1, description="Batches of one organisation that have not ended.")
    window_s: float = Field(24 * 3600.0, gt=0, description="Seconds after which a batch that has not ended expires with what was done.")
    output_kept_days: int = Field(30, ge=1, le=36500, description="Days the files of answers stay, where the batch says nothing else.")
    concurrency: int = Field(2, ge=1, le=1000, description="Requests of one batch that are open at once.")
    yield_s: float = Field(
        30.0, ge=0, le=86400, description="Seconds a request lets others on its model's device go first; then it goes all the same."
    )
    look_s: float = Field(1.0, gt=0, le=60, description="Seconds between two looks at who else asks, and whether the batch is wanted.")
    patience_s: float = Field(
        600.0, ge=0, le=86400, description="Seconds a request is sent again while the answer is 429, 502 or 503, or none comes."
    )
    block_requests: int = Field(64, ge=1, le=100_000, description="Requests that travel to a worker of Ray at once.")
    sweep_s: float = Field(2.0, gt=0, le=600, description="Seconds between two looks for batches whose job has ended without them.")


class SemanticSettings(Group):
    """What the semantic services take, and what they ask of models."""

    texts: int = Field(500, ge=1, le=10_000, description="Texts in one request that compares them.")
    judged_chars: int = Field(
        20_000, ge=100, description="Characters of a text that a language model classifies or weighs; more is refused."
    )
    extract_chars: int = Field(100_000, ge=100, description="Characters of a text that relations are extracted from; more is refused.")
    window_chars: int = Field(2000, ge=100, description="Characters of it that the model reads at once.")
    facts: int = Field(20, ge=1, le=200, description="Entities, and relations, that the model may find in them.")
    answer_tokens: int = Field(1024, ge=16, description="Longest answer of the model, in tokens; what is complete of a longer one counts.")
    at_once: int = Field(2, ge=1, le=64, description="Parts of one text that are read at the same time.")
    labels: int = Field(100, ge=2, le=1000, description="Labels in one classification.")
    schema_chars: int = Field(10_000, ge=100, description="Longest JSON schema of a caller, in characters.")
    compared_entities: int = Field(5000, ge=1, description="Entities that are looked at for those that may be the same.")


class KnowledgeSettings(Group):
    """Knowledge items, and how the index follows them."""

    content_chars: int = Field(200_000, ge=1000, description="Longest content of an item, in characters.")
    fields_chars: int = Field(20_000, ge=100, description="Longest free fields of an item, as JSON, in characters.")
    shares: int = Field(200, ge=1, description="Users and teams that one item is shared with.")
    links: int = Field(500, ge=1, description="Relations of one item to others.")
    sweep_s: float = Field(5.0, gt=0, description="Seconds between two looks for items that the index does not have yet.")
    batch: int = Field(50, ge=1, le=1000, description="Items that one look takes.")
    first_retry_s: float = Field(
        5.0, gt=0, description="Seconds until an item that could not be indexed is tried again; doubled each time."
    )
    longest_retry_s: float = Field(600.0, gt=0, description="Longest such wait, in seconds.")
    suggestions: int = Field(10, ge=1, le=100, description="Neighbours that propose a category and tags.")


class OutgoingSettings(Group):
    """Requests that leave this machine on somebody's word: `/api/v1/http/requests`, and connectors."""

    allowed: tuple[str, ...] = Field(
        (),
        description="Places beside the public internet that may be reached: 10.0.0.0/8, 127.0.0.1:9000, wiki.intranet, *.intranet:8443. "
        "Without a port: the ports of outgoing.ports. Whoever is an editor reaches them.",
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field((80, 443), description="TCP ports that may be asked anywhere.")
    ca_file: Path | None = Field(None, description="File with certificates (PEM) that are trusted beside the system's.")
    user_agent: str = Field("Hearth", min_length=1, max_length=200, pattern=r"^[!-~ ]+$", description="What is said of who asks.")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Seconds one request may take, with its redirects and repetitions.")
    connect_timeout_s: float = Field(5.0, gt=0, le=60, description="Seconds to connect.")
    response_bytes: ByteSize = Field(ByteSize(32 * 2**20), ge=1024, description="Largest answer, unpacked, in bytes.")
    request_bytes: ByteSize = Field(ByteSize(2**20), ge=0, description="Largest body that is sent, in bytes.")
    redirects: int = Field(5, ge=0, le=20, description="Redirects that are followed.")
    attempts: int = Field(3, ge=1, le=10, description="Times a request is sent that changes nothing there and fails for a moment.")
    first_wait_s: float = Field(0.5, gt=0, le=60, description="Seconds until the first repetition; they double with each.")
    concurrency: int = Field(32, ge=1, le=1000, description="Requests that each process has open at once; more wait.")
    per_organisation: int = Field(8, ge=1, le=1000, description="Requests of one organisation that each process has open at once.")
    log_days: int = Field(14, ge=7, le=14, description="Days that what is written down of a request is kept.")
    sweep_s: float = Field(600.0, gt=0, description="Seconds between two looks for what is past its time.")

    @field_validator("allowed")
    @classmethod
    def _places(cls, allowed: tuple[str, ...]) -> tuple[str, ...]:
        for text in allowed:
            Place.of(text)
        return allowed


class ConnectorSettings(Group):
    """Where documents are brought in from: folders, pages, feeds, mailboxes, buckets, repositories."""

    folders: tuple[Path, ...] = Field((), description="Folders of this machine that editors may bring documents in from; none by default.")
    items: int = Field(10_000, ge=1, le=1_000_000, description="Items that one run takes.")
    listed: int = Field(500, ge=1, le=10_000, description="Items that one look at a source lists.")
    look_timeout_s: float = Field(60.0, gt=0, le=600, description="Seconds that looking at a source may take; what was found counts.")
    item_bytes: ByteSize = Field(ByteSize(64 * 2**20), ge=1024, description="Largest item, in bytes.")
    transfer_bytes: ByteSize = Field(ByteSize(256 * 2**20), ge=1024, description="Largest pack of a repository, and all files in it.")
    transfer_timeout_s: float = Field(300.0, gt=0, description="Seconds one transfer may take.")
    page_bytes: ByteSize = Field(ByteSize(8 * 2**20), ge=1024, description="Largest page of a site, robots.txt or feed, in bytes.")
    delay_s: float = Field(1.0, ge=0, le=600, description="Seconds between two requests to a site; its robots.txt may ask for more.")
    longest_delay_s: float = Field(30.0, ge=0, le=600, description="Longest such wait that a site's robots.txt is granted, in seconds.")


class ContentSettings(Group):
    """Content that was fetched and is kept for a while: in each process's memory, in Redis, and in the database."""

    kept_s: int = Field(7 * 86400, ge=60, description="Seconds that content is kept after it was fetched last.")
    item_bytes: ByteSize = Field(ByteSize(16 * 2**20), ge=1024, description="Largest content that is kept, in bytes.")
    organisation_bytes: ByteSize = Field(
        ByteSize(2**30), ge=1024, description="All content of one organisation, in bytes; what was not read for longest goes first."
    )
    memory_bytes: ByteSize = Field(ByteSize(32 * 2**20), ge=0, description="Content that each API process holds in memory, in bytes.")
    memory_s: int = Field(300, ge=1, description="Seconds that it does.")
    redis_item_bytes: ByteSize = Field(ByteSize(512 * 2**10), ge=0, description="Largest content that Redis holds, in bytes.")
    redis_s: int = Field(3600, ge=1, description="Seconds that it does.")
    text_chars: int = Field(2_000_000, ge=1000, description="Longest text that is made of content, in characters; more is cut, and said.")
    flush_s: float = Field(5.0, gt=0, le=600, description="Seconds between two counts of who read what.")


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


class SubjectQuota(Group):
    """What one organisation, user or key may use, unless the database says otherwise (`PUT /api/v1/limits/...`)."""

    requests_per_minute: int = Field(60_000, ge=0, description="Requests in any minute; 0: no limit.")
    tokens_per_day: int = Field(0, ge=0, description="Tokens of prompts and answers in a day (UTC); 0: no limit.")
    concurrent: int = Field(2048, ge=0, description="Requests to models that are open at once, streams included; 0: no limit.")
    budget_per_month: float = Field(
        0.0, ge=0, le=1_000_000, allow_inf_nan=False, description="Cost in a month (UTC), in the currency of prices.yaml; 0: no limit."
    )


class QuotaSettings(Group):
    """Limits for everybody, counted together by all replicas of the API, and how usage is counted."""

    organisation: SubjectQuota = SubjectQuota()
    user: SubjectQuota = SubjectQuota()
    key: SubjectQuota = SubjectQuota()
    cache_s: float = Field(5.0, ge=0, le=300, description="Seconds after which a changed limit holds in every replica.")
    lease_s: float = Field(30.0, ge=0.2, le=600, description="Seconds after which what a dead replica held open no longer counts as open.")
    answer_s: float = Field(0.5, gt=0, le=60, description="Seconds Redis has to say whether a request is within its limits.")
    flush_s: float = Field(5.0, gt=0, le=3600, description="Seconds between two moves of counted usage from Redis to PostgreSQL.")


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
    offline: bool = Field(
        False,
        description="Never reach for the network (hub, web), but for outgoing.allowed; what is not here is refused with a reason.",
    )
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    residency: ResidencySettings = ResidencySettings()
    ray: RaySettings = RaySettings()
    storage: StorageSettings = StorageSettings()
    backup: BackupSettings = BackupSettings()
    conversations: ConversationSettings = ConversationSettings()
    jobs: JobSettings = JobSettings()
    vectors: VectorSettings = VectorSettings()
    ingest: IngestSettings = IngestSettings()
    semantic: SemanticSettings = SemanticSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    files: FileSettings = FileSettings()
    batches: BatchSettings = BatchSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    connectors: ConnectorSettings = ConnectorSettings()
    content: ContentSettings = ContentSettings()
    auth: AuthSettings = AuthSettings()
    quotas: QuotaSettings = QuotaSettings()
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
