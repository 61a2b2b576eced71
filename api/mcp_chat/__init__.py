"""A chat in which the model calls the organisation's tools itself, until it answers: ``/api/v1/chat/mcp``."""
