"""LoRA adapters: the registry, what each organisation's requests go to, and the files that replicas load.

The database decides (``registry``); what it decided is written to ``HEARTH_HOME/adapters/<base>.json`` (``manifest``), which gateways and
replicas read, because a replica has no database and must know its adapters again after a crash.
"""
