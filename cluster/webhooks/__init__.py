"""Telling other servers what happened here, signed as https://www.standardwebhooks.com says, and being told by them.

An event is a message of the queue for each webhook that wants it, written in the transaction of what it tells (``events.py``). Consumers
deliver it (``delivering.py``) through the one client for what goes out. ``keys.py`` has the secrets, ``log.py`` what became of deliveries.
"""
