"""Content that was fetched, kept for a while."""
