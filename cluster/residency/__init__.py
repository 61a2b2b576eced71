"""Who is on the cards: a pure decision from what is known now (world.py) to what happens next (decide.py).

No clock, no Ray, no I/O: the time is part of the world, so that every decision can be replayed in a test. The adapter to Serve is
cluster/serving/policy.py.
"""
