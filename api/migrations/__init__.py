"""Alembic migrations, one file a step in ``versions``; ``python -m api.migrations head`` runs them."""
