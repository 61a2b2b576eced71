"""Secrets of organisations, sealed: the API keeps them, and jobs read those that they are told by name."""
