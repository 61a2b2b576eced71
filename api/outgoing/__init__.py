"""The HTTP client for people, and the journal of what went out."""
