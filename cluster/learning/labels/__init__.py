"""The labelling queue: campaigns, their items, who holds them, what was said of them, and what was decided."""
