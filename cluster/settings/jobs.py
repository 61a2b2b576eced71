"""Work that takes time, and the files it is about."""

from __future__ import annotations

from pydantic import ByteSize, Field

from cluster.settings.group import Group


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
