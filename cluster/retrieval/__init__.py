"""Finding what documents say of a question, and answers that cite it.

``retriever.py`` is where to start. It stands on the ground floor because the API, agents, evaluations and notebooks all search; see
decisions/0004-retrieval-is-a-library.md.
"""
