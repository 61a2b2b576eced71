"""Graphs over HTTP: their definitions, checking and drawing them, their runs, and following those."""
