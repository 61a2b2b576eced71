"""One file for each family of formats: bytes in, pieces of text out. Called in a process of its own (see pipelines/stages/isolated.py)."""
