"""Ingestion on Ray Data: the stages as one streaming pipeline (see flow.py)."""
