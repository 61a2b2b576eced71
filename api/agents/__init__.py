"""Agents and tasks over HTTP, what kinds of agents there are, and graphs as models in a chat."""
