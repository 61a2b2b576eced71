"""What people say of answers: kept with what was shown and answered, so that a correction is an example by itself.

``examples`` is the door for whoever learns: only of those who agreed to it. ``erased`` names the examples that may be in nothing any more.
"""

from __future__ import annotations

from cluster.learning.feedback.erased import erased
from cluster.learning.feedback.reading import examples

__all__ = ["erased", "examples"]
