"""PostgreSQL's advisory locks by number. Here, because who takes one and who waits for it may stand in different rooms."""

from __future__ import annotations

# Shared by those who seal a secret or copy the keys, exclusive for the one who rotates them and forgets the old.
SEALING = 48_881
# Under which runs of graphs are claimed, so that those of an organisation are counted truly.
CLAIMING_RUNS = 48_882
