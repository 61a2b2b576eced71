"""Who may ask, how much, and what is kept of what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from cluster.settings.group import Group


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
