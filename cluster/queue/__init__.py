"""What is done later, surely: a message is a row in PostgreSQL, and whoever was told that it is taken can forget about it.

    enqueue (store) -> queued -> a consumer claims -> running -> a handler -> done, or queued again for later, or dead

PostgreSQL alone says how a message stands. Redis only carries "look now" to consumers (``bell.py``), who look by themselves every
``queue.look_s`` seconds: what Redis forgets costs time, and no message. A consumer is alive as long as it holds an advisory lock (see
cluster/graphs/owning.py); the messages of one that is gone are anybody's at once. Every write of a consumer names its attempt, and is
refused once the row has moved on. ``cluster/decisions/0005`` says why no broker keeps the messages.
"""
