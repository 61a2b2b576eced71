"""Checks of what goes into and comes out of a graph, all on this machine: personal data, injected instructions, policy, shape."""
