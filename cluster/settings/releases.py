"""Releases, and how they are tried."""

from __future__ import annotations

from pydantic import Field

from cluster.settings.group import Group


class ReleaseSettings(Group):
    """Adapters, prompts and retrieval settings that go into service together: `/api/v1/releases`."""

    per_organisation: int = Field(200, ge=1, description="Releases that one organisation keeps.")
    prompt_chars: int = Field(20_000, ge=1, description="Longest system prompt of a release, in characters.")
    shadow_queue: int = Field(
        32, ge=1, le=10_000, description="Live requests that wait, in each process, to be put to a release in the shadow."
    )
    shadow_wait_s: float = Field(120.0, gt=0, description="Seconds such a request waits for a quiet moment; then it is left out.")
    shadow_look_s: float = Field(1.0, gt=0, le=60, description="Seconds between two looks whether models are idle.")
    shadow_timeout_s: float = Field(120.0, gt=0, description="Seconds a release in the shadow has for its answer.")
    shadow_chars: int = Field(20_000, ge=1, description="Longest request, and longest answer, that is kept of a shadow, in characters.")
    shadow_kept: int = Field(1000, ge=1, description="Answers in the shadow that are kept of each release, the latest.")
    shadow_days: int = Field(30, ge=1, le=3650, description="Days an answer in the shadow is kept.")
    outcomes: int = Field(50_000, ge=100, description="Conversations of each arm that a comparison reads, the first.")
