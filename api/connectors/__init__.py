"""Connectors: looking at sources, and bringing documents in from them."""
