"""What lies elsewhere, and the way there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import ByteSize, Field, field_validator

from cluster.outgoing.places import Place
from cluster.settings.group import Group


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
