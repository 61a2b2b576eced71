"""Graphs: checked, drawn, kept in versions, and run. The rows here are the truth; who carries a run on is ``deployments/agents``."""
