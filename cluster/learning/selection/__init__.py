"""Which samples of unlabelled traffic are worth a person's time: scores, and the choice made by them. Pure functions over arrays."""
