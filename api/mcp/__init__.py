"""Tools, documents and prompts of an organisation for MCP clients, at ``/mcp`` over streamable HTTP.

Every request is served by itself, whichever replica of the API it reaches: nothing of a session is kept in a process. Revisions of the
protocol that know sessions get an id, under which Redis keeps who it belongs to and which messages are wanted.
"""
