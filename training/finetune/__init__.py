"""Training an adapter from examples: the job of kind ``fine_tuning``."""
