"""What the nodes of a graph do, one file for each kind or family."""
