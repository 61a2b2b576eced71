"""What was measured of this machine's settings and of prompts, what was proposed, and what came of it.

change.py      what may be changed, and the evidence      weighing.py   what samples of two settings allow to conclude
table.py       rows                                       store.py      as people know them
kept.py        as the process of a job writes them        overrides.py  the file that makes a change last
box.py         the running cluster, as far as it may be changed          load.py   what is asked of a model to measure it

A measurement is interleaved: every round asks each setting once, in another order, so that whatever else the machine does meets all alike.
The ratio of two settings is of the same rounds, with a bootstrap interval; nothing is called better whose interval reaches 1.
"""
