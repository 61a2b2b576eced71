"""Documents: how they are read, indexed, found and judged."""

from __future__ import annotations

from pathlib import Path

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class VectorSettings(Group):
    """The index of everybody's knowledge, below HEARTH_HOME/vectors."""

    server_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s@]+$",
        description="A Qdrant server of yours (1.17 or newer, its HTTP port) that keeps the index; by default Hearth does. "
        "Back it up by its snapshots: `hearth backup` has nothing of it.",
    )
    server_key_file: Path | None = Field(None, description="File (mode 0600) with that server's API key.")
    server_prefix: str = Field("hearth", pattern=r"^[a-z][a-z0-9_]{0,30}$", description="How the names of our collections there begin.")
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
    direct_documents: int = Field(
        500, ge=0, le=10_000, description="Documents up to which a job reads and indexes them itself; more go to workers of Ray."
    )
    direct_bytes: ByteSize = Field(ByteSize(16 * 2**20), ge=0, description="Size up to which it does, all of them together, in bytes.")
    workers: int = Field(
        2, ge=1, le=1000, description="Processes that read files at once, and as many that embed; spread over all Ray nodes."
    )
    worker_cpus: float = Field(0.5, gt=0, le=64, description="CPUs that each of them books with Ray.")
    niceness: int = Field(
        19,
        ge=0,
        le=19,
        description="How far the job and they stand back for CPU time, as of nice(1); 19: they run when nobody else wants; 0: not at all.",
    )
    wave: int = Field(5000, ge=1, le=100_000, description="Documents that one pass of a job takes; what is uploaded meanwhile is the next.")
    patience_s: float = Field(600.0, gt=0, description="Seconds that a job waits for a model or the index, which may be loading or busy.")
    upload_files: int = Field(500, ge=1, le=10_000, description="Files in one upload.")
    collections: int = Field(1000, ge=1, description="Collections of one organisation.")
    documents: int = Field(1_000_000, ge=1, description="Documents of one collection, those in archives not counted.")
    sweep_s: float = Field(30.0, gt=0, description="Seconds between two looks for documents whose removal was interrupted.")
    unclaimed_s: float = Field(6 * 3600.0, gt=0, description="Seconds until a file that an interrupted upload left is removed.")


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
