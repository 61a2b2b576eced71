"""Shapes that cross rooms: what the API asks of a model and what it gets back. Plain frozen dataclasses, no behaviour."""
