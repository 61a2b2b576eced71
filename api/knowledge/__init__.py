"""The knowledge base: items that people write, find again, relate, check and share."""
