"""Agents and workflows that a model drafts in a conversation, from what a person says, and that are saved when the person says so."""
