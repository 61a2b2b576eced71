"""What models learn from."""

from __future__ import annotations

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class DatasetSettings(Group):
    """Datasets: `/api/v1/datasets`."""

    per_organisation: int = Field(500, ge=1, description="Datasets of one organisation.")
    least_examples: int = Field(10, ge=2, description="Examples that must be left for a version to be built.")
    most_examples: int = Field(100_000, ge=2, description="Examples that one version is built from.")
    line_bytes: ByteSize = Field(
        ByteSize(2**20), ge=256, description="Longest line of an uploaded file, in bytes; longer ones are left out."
    )
    wrong_share: float = Field(0.1, ge=0, le=1, description="Share of lines in a wrong format above which no version is built.")
    held_out_share: float = Field(
        0.1, gt=0, le=0.5, description="Share of examples that is held out from training, where a dataset says no other."
    )
    listed: int = Field(50, ge=0, le=1000, description="Wrong lines, and contradictions, that a datasheet lists; more are counted.")
    excerpt_chars: int = Field(200, ge=20, le=10_000, description="Longest text that a datasheet shows of an example, in characters.")
    block_examples: int = Field(256, ge=1, le=100_000, description="Examples that travel to a worker of Ray at once.")
    worker_cpus: float = Field(0.5, gt=0, le=64, description="CPUs that each such worker books with Ray.")
    niceness: int = Field(10, ge=0, le=19, description="How far building stands back from what people wait for, as of nice(1).")
