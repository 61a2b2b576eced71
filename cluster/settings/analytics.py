"""What is told of learning."""

from __future__ import annotations

from pydantic import Field

from cluster.settings.group import Group


class AnalyticsSettings(Group):
    verdicts: int = Field(1000, ge=1, le=100_000, description="Latest verdicts that curves and costs are made of.")
    rows: int = Field(5000, ge=1, le=1_000_000, description="Points of quality over time in one answer, the latest.")
    texts: int = Field(
        200, ge=2, le=5000, description="Messages, and examples trained on, that drift compares; of more the latest, or some."
    )
    text_chars: int = Field(2000, ge=1, le=1_000_000, description="How much of each of these texts is embedded, in characters.")
    least_texts: int = Field(20, ge=2, le=5000, description="Fewest texts of each kind from which anything is concluded about drift.")
    resamples: int = Field(999, ge=99, le=100_000, description="Permutations of the test for drift.")
    level: float = Field(0.01, gt=0, lt=0.5, description="Chance of telling a drift where there is none.")
    effect: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Least drift that is told: share of the distance between the two kinds of texts that is not within them.",
    )
    plot_s: float = Field(60.0, gt=0, le=600, description="Seconds that drawing a plot may take.")
    plots: int = Field(2, ge=1, le=64, description="Plots that one replica of the API draws at the same time.")
