"""Places that documents come from. A connector is one file here, and a line in ``registry.py``.

Whatever a connector reaches, it reaches through ``cluster.outgoing``; credentials come as ``secret:NAME`` and are read when it is opened.
"""
