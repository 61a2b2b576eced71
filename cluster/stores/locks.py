"""PostgreSQL's advisory locks by number. Here, because who takes one and who waits for it may stand in different rooms."""

from __future__ import annotations

# Shared by those who seal a secret or copy the keys, exclusive for the one who rotates them and forgets the old.
SEALING = 48_881
# Under which runs of graphs are claimed, so that those of an organisation are counted truly.
CLAIMING_RUNS = 48_882
# Under which messages of the queue are claimed, for the same reason.
CLAIMING_MESSAGES = 48_885
# First half of a lock of two numbers, the other one is the organisation: its messages that wait are counted by one at a time.
COUNTING_MESSAGES = 48_886
# First half of a lock of two numbers, the other one is a person in a campaign: what they are given is counted by one at a time.
GIVING_LABELS = 48_927
