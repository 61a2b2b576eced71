"""Graphs for clients of LangGraph: its SDK's assistants are our graphs, its threads rows of ours, its runs our runs.

    service.py makes runs -> streaming.py tells of them -> shapes.py says it in LangGraph's words

What the SDK calls and we have nothing for is refused, and says what to do instead (refusing.py)."""
