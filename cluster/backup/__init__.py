"""Backup and restore: everything of one Hearth in one file, made while it runs, and put back as a whole or not at all.

The file is a tar stream, gzipped, and with a passphrase sealed on top (``sealed.py``). Its members, in this order:

- ``about.json``: :class:`cluster.backup.archive.About` (format, versions, database revision, parts, time).
- ``keys/...``: read while no key can be forgotten, right after the database's snapshot was taken, so that every secret in it opens.
- ``database.dump``: ``pg_dump`` in custom format, of one snapshot.
- ``redis.jsonl``: what is worth keeping of Redis (``cache.py``).
- the other parts of ``parts.py``: files below HEARTH_HOME, by their paths there. They come after the database: a file is written before
  the row that names it, so each row finds its file.
- ``checksums.json``: size and SHA-256 of every member before it. A file that does not end with it was cut off.

Model weights can be fetched again, and are left out unless asked for; so are logs, run files, and measurements of the machine.
The keys are inside. Whoever reads an unsealed backup can read every secret and be anybody; and a dump is a program that ``pg_restore``
runs, so restore only what you made yourself.
"""
