"""Datasets: immutable versions of examples to learn from, each known by the hash of its content, and what was erased from them.

``load`` is the door for whoever trains; ``mark_erased`` for whoever erases. Versions are built by ``training/datasets``, out of the sources
that ``origins.py`` names.
"""

from __future__ import annotations

from cluster.learning.datasets.erasing import mark_erased, mark_person_erased
from cluster.learning.datasets.loading import DatasetVersion, load

__all__ = ["DatasetVersion", "load", "mark_erased", "mark_person_erased"]
