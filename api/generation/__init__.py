"""Generating text: what chat and completions share. No endpoints of its own."""
