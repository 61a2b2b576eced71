"""Releases: an adapter, a system prompt and retrieval settings that go into service together, and are taken back together.

**How they relate to adapters.** What a base stands for in an organisation is one row, ``AdapterRoute``, and one line in the manifest that
gateways and replicas read. It points at a bundle: an adapter, or the base without one, and the release it belongs to, if any. An adapter
that is promoted by itself is a bundle of just that. So there is one promotion, one rollback (with one history) and one canary at a time for
a base, whether ``/api/v1/adapters`` or ``/api/v1/releases`` asked for it (``turning.py``). What would leave half of a bundle is a Conflict:
an adapter by itself while a release answers, and a canary of the one while the other is tried.

**Rows** (``table.py``). A release never changes: what is to be otherwise is its next version. It holds the text of its prompt and its whole
retrieval settings, so that a rollback gives back what was answered with, whatever was changed or deleted since.

**The gate** knows a release as a candidate by its name, ``<base>:release:<name>@<version>``, under which it may also be asked.

**Shadow**: a share of live requests is also put to a release, whose answers nobody is shown; see ``api/releases/shadowing.py``.
**A/B**: a canary whose outcomes are compared; see ``statistics.py``.
"""
