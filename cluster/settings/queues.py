"""What is done later, and who is told of what happened."""

from __future__ import annotations

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class QueueSettings(Group):
    """Messages of the queue: `/api/v1/integration/queues`."""

    concurrent: int = Field(16, ge=1, le=10_000, description="Messages that one process works on at once.")
    concurrent_per_organisation: int = Field(8, ge=1, le=10_000, description="Messages of one organisation that are worked on at once.")
    pending_per_organisation: int = Field(
        10_000, ge=1, description="Messages of one organisation that wait or are worked on, events for webhooks aside; more are refused."
    )
    payload_bytes: ByteSize = Field(ByteSize(256 * 2**10), ge=1024, description="Largest payload of a message, in bytes of JSON.")
    look_s: float = Field(
        2.0, gt=0, le=600, description="Seconds between two looks for messages whose time has come, and those whose process is gone."
    )
    timeout_s: float = Field(120.0, gt=0, description="Seconds one attempt at a message has.")
    max_attempts: int = Field(8, ge=1, le=1000, description="Attempts at a message that fail, or lose their process, before it is dead.")
    first_wait_s: float = Field(2.0, ge=0, le=3600, description="Seconds until the second attempt; they double with each.")
    longest_wait_s: float = Field(900.0, ge=0, le=86400, description="Longest such wait, in seconds.")
    jitter: float = Field(0.25, ge=0, le=1, description="Share of a wait by which it is shortened at random, so that not all come at once.")
    longest_delay_s: float = Field(
        30 * 86400.0, gt=0, description="Longest that a message may be put off when it is handed in, in seconds."
    )
    kept_days: int = Field(7, ge=1, le=36500, description="Days a message stays after it was done; so long its idempotency key holds.")
    dead_days: int = Field(90, ge=1, le=36500, description="Days a dead message stays to be replayed.")
    sweep_s: float = Field(600.0, gt=0, description="Seconds between two looks for messages that are past their time.")


class WebhookSettings(Group):
    """Who is told of what happened, by requests to a server of theirs; and hooks that others call."""

    per_organisation: int = Field(50, ge=1, le=10_000, description="Webhooks of one organisation; as many hooks that others call.")
    timeout_s: float = Field(15.0, gt=0, le=600, description="Seconds a server has to answer; outgoing.timeout_s bounds it too.")
    max_failures: int = Field(20, ge=1, description="Deliveries that fail one after the other before a webhook is disabled.")
    pending: int = Field(10_000, ge=1, description="Deliveries that wait for one webhook; with more it is disabled.")
    rotation_s: float = Field(86400.0, ge=0, description="Seconds that a rotated secret still signs, beside the new one.")
    log_days: int = Field(30, ge=1, le=36500, description="Days a delivery stays in the log.")
    calls_per_minute: int = Field(60, ge=1, description="Calls of one hook in a minute, where the hook says no less.")
    body_bytes: ByteSize = Field(ByteSize(256 * 2**10), ge=1024, description="Largest body that a hook takes, in bytes.")
    sweep_s: float = Field(30.0, gt=0, description="Seconds between two looks for webhooks that too much waits for.")
