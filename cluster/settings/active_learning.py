"""Choosing what people label, and the queue of it."""

from __future__ import annotations

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class ActiveLearningSettings(Group):
    candidates: int = Field(
        500, ge=1, le=10_000, description="Samples that one selection looks at: the latest of traffic, or those of the request."
    )
    asked: int = Field(100, ge=0, le=10_000, description="Candidates of which one selection asks a model how sure it is.")
    answer_tokens: int = Field(64, ge=1, le=4096, description="Longest answer for which a model says how sure it is, in tokens.")
    at_once: int = Field(4, ge=1, le=64, description="Questions that one selection asks at the same time.")
    trained: int = Field(500, ge=0, le=10_000, description="Latest decided labels that a selection compares candidates with.")
    sample_chars: int = Field(50_000, ge=100, description="Longest sample, in characters of all its messages; longer ones are left out.")
    turns: int = Field(20, ge=1, le=500, description="Messages of a conversation that a sample shows, the latest.")
    campaigns: int = Field(1000, ge=1, description="Labelling campaigns that one organisation keeps.")
    items: int = Field(100_000, ge=1, description="Items of one campaign.")
    import_items: int = Field(10_000, ge=1, description="Items of one import.")
    import_bytes: ByteSize = Field(ByteSize(64 * 2**20), ge=1024, description="Largest import, in bytes.")
    lease_s: int = Field(
        1800, ge=1, le=30 * 24 * 3600, description="Seconds an item is held for whoever was given it, unless its campaign says otherwise."
    )
    held: int = Field(20, ge=1, le=1000, description="Items of one campaign that one person holds at once.")
    value_chars: int = Field(50_000, ge=1, description="Longest label, in characters of its JSON.")
