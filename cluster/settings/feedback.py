"""How much is kept of what people say of answers."""

from __future__ import annotations

from pydantic import Field

from cluster.settings.group import Group


class FeedbackSettings(Group):
    """What people say of answers, and what is kept with it: `/api/v1/feedback`."""

    text_chars: int = Field(50_000, ge=1, description="Longest corrected text, in characters.")
    comment_chars: int = Field(5_000, ge=1, description="Longest comment, in characters.")
    shown_chars: int = Field(
        200_000, ge=1, description="Most of what a model was shown that is kept with feedback, in characters; of more, the latest messages."
    )
    stats_rows: int = Field(5_000, ge=1, le=100_000, description="Most rows of statistics in one answer, the latest first.")
