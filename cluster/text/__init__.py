"""What every room may do to a text: cut it into chunks, and tell which texts say the same. Pure functions, no input or output."""
