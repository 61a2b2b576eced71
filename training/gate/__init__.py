"""The gate's job: candidate and incumbent are asked the same items, and what they say is marked and weighed (cluster/learning/gate).

__main__.py   the process of the job       job.py     the order of things
asking.py     one item, to one model       examination.py   all items, several at once, those with answers left out
"""
