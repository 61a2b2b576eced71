"""Tools of MCP servers: configured by an organisation, reached over stdio or streamable HTTP, and believed nothing."""
