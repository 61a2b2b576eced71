"""What is raised for a value that did not pass."""

from __future__ import annotations

from cluster.contracts.generation import Usage
from cluster.errors import Unprocessable


class Refused(Unprocessable):
    """Says which check failed and where, and repeats nothing of the value. ``usage`` and ``model``: what was spent on it, and on whom,
    where a model was asked; known only on this side of a Serve handle."""

    usage: Usage = Usage()
    model: str | None = None

    def after(self, usage: Usage, model: str) -> Refused:
        """The same, with what it cost."""
        self.usage, self.model = usage, model
        return self
