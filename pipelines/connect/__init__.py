"""Bringing documents in from elsewhere: ``python -m pipelines.connect JOB_ID``."""
