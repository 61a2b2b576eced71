"""Tools: what a model, a graph or an MCP client may have done, in one shape wherever it comes from."""
