"""Measuring whether other settings are better."""

from __future__ import annotations

from pydantic import Field

from cluster.settings.group import Group


class OptimisingSettings(Group):
    """How long is measured, and what counts as better."""

    min_gain: float = Field(0.05, ge=0, le=10, description="Share by which a setting must be faster, beyond noise, to be proposed.")
    tolerance: float = Field(0.05, ge=0, le=0.9, description="Share of the speed that a longer context may cost.")
    rounds: int = Field(8, ge=3, le=200, description="Rounds of a measurement; each measures every setting once, in another order.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the interval of a ratio, all settings of one measurement together.")
    resamples: int = Field(4000, ge=200, le=1_000_000, description="Draws of the bootstrap.")
    answer_tokens: int = Field(48, ge=1, le=4096, description="Tokens of an answer that a measurement asks for.")
    prompt_words: int = Field(40, ge=1, le=100_000, description="Words of a question that a measurement asks.")
    texts: int = Field(
        64, ge=1, le=100_000, description="Texts that a measurement of an embedding model embeds at once, in as many requests."
    )
    quiet_s: float = Field(1.0, ge=0, le=600, description="Seconds in which nobody asked a model before anything is measured.")
    patience_s: float = Field(900.0, gt=0, description="Seconds that a measurement waits for such a moment, and for another one to end.")
    usage_days: int = Field(14, ge=1, le=366, description="Days of usage that proposals about residency look back.")
    prompt_calls: int = Field(600, ge=10, le=1_000_000, description="Most requests to models that the optimisation of one prompt may make.")
    prompt_items: int = Field(200, ge=5, le=10_000, description="Most items of each side that the optimisation of one prompt uses.")
    open_per_organisation: int = Field(4, ge=1, le=1000, description="Optimisations of one organisation that are not done yet.")
