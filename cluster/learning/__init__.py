"""What is learned from: examples, and the rows of the loop from feedback to an adapter in service."""
