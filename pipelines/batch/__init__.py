"""Batches: the requests of a file, answered by the running API one after the other, in what time is left.

__main__.py   the process of the job       job.py     the order of things
flow.py       the Ray Data pipeline        asking.py  one request over HTTP, sent again while the models are busy
pace.py       when others go first
"""
