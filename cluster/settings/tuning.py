"""Fine-tuning: adapters trained from examples."""

from __future__ import annotations

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class TuningSettings(Group):
    """Trainings of adapters, each a job of its own."""

    least_examples: int = Field(10, ge=2, le=1_000_000, description="Examples that a file of training data must have.")
    most_examples: int = Field(1_000_000, ge=2, description="Examples that it may have.")
    line_bytes: ByteSize = Field(ByteSize(2**20), ge=1024, description="Longest line of a file of examples, in bytes.")
    most_workers: int = Field(16, ge=1, le=1024, description="Processes that one training may have.")
    most_trials: int = Field(32, ge=2, le=10_000, description="Trainings that one search for hyper-parameters may try.")
    niceness: int = Field(
        19, ge=0, le=19, description="How far a training stands back from those who wait for an answer (as of nice(1)); 19: entirely."
    )
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="Threads a training computes with on the CPU; 0: half as many as there are cores, since others have them too.",
    )
    checkpoint_s: float = Field(30.0, gt=0, le=86400, description="Seconds between two checkpoints, from which a killed training goes on.")
    restarts: int = Field(3, ge=0, le=1000, description="Times that workers which died are replaced within one attempt of the job.")
    lease_ttl_s: float = Field(60.0, ge=3, description="Seconds after which the memory of a training that was killed is free again.")
    lease_wait_s: float = Field(
        900.0, gt=0, description="Seconds a training waits for models to leave a card; then it fails, and says which."
    )
    turn_wait_s: float = Field(
        24 * 3600.0, gt=0, description="Seconds a training waits for another one on the CPU to end; then it has failed."
    )
