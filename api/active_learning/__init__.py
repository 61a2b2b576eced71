"""Which samples people should label, and the queue in which they do."""
