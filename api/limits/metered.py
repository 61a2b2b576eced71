"""Which requests count, and which of them ask a model."""

from __future__ import annotations

import re
from enum import StrEnum

# Whoever is over a limit must still be able to see it, and an admin to change it.
UNMETERED = re.compile(r"/api/v1/(limits|usage|auth|users|organisations|teams|keys|audit|secrets)(/.*)?|/healthz|/readyz|/metrics")
ASKS = re.compile(
    r"/v1/(chat/completions|completions|embeddings|rerank|audio/transcriptions)"
    r"|/api/v1/(audio|vision)/[^/]+"
    r"|/api/v1/semantic/(embed|search|detect-duplicates|extract-relations|classify|score-importance)"
    r"|/api/v1/retrieval/search"
    r"|/api/v1/tools/[^/]+/call"
    r"|/api/v1/knowledge/(search|embeddings|classify)"
    r"|/api/v1/(workflows/execute|workflows/runs/[^/]+/(retry|fork)|tasks)"
    r"|/langgraph/(threads/[^/]+/)?runs(/(stream|wait|batch))?"
    r"|/api(/v1)?/chat/((direct|mcp)(/stream)?|quick|conversations/[^/]+/(prepare-stream|compact))"
)


class Metered(StrEnum):
    NOT = "not"
    REQUEST = "request"
    MODEL = "model"


def metered(method: str, path: str) -> Metered:
    """MODEL: all limits hold. REQUEST: only that of requests in a minute. NOT: none."""
    if UNMETERED.fullmatch(path) or method == "OPTIONS":
        return Metered.NOT
    return Metered.MODEL if method == "POST" and ASKS.fullmatch(path) else Metered.REQUEST
