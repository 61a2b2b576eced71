"""What the docs show of the knowledge base."""

from __future__ import annotations

from api.conversations.examples import CONVERSATION

ID, OTHER, USER = str(CONVERSATION["id"]), "0d6a8f0c-7c1e-4d0d-8a55-3b5c2f9d1e44", str(CONVERSATION["user_id"])
BODY = {
    "title": "Feeding goats",
    "content": "Goats are fed at six.",
    "kind": "rule",
    "fields": {"source": "Mira"},
    "category": "animals",
    "tags": ["goats"],
    "audience": "viewer",
}
ITEM = {
    **BODY,
    "id": ID,
    "owner_id": USER,
    "version": 1,
    "proposal": None,
    "assessment": None,
    "verdict": None,
    "is_indexed": False,
    "index_error": None,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
}
VERSION = {
    **{name: BODY[name] for name in ("title", "content", "kind", "fields", "category", "tags")},
    "version": 1,
    "note": "",
    "author_id": USER,
    "created_at": "2026-01-01T12:00:00Z",
}
DIFF = {
    "since": 1,
    "until": 2,
    "changed": ["content"],
    "content": "--- version 1\n+++ version 2\n@@ -1 +1 @@\n-Goats are fed at six.\n+Goats are fed at seven.",
}
NEIGHBOUR = {"item_id": OTHER, "title": "Milking goats", "category": "animals", "score": 0.82}
PROPOSAL = {
    "category": {"name": "animals", "confidence": 0.9, "by": ["model", "neighbours"]},
    "tags": [{"name": "goats", "confidence": 1.0, "by": ["neighbours"]}],
    "neighbours": [NEIGHBOUR],
}
ASSESSED = {
    **ITEM,
    "assessment": {
        "score": 0.7,
        "version": 1,
        "reasons": [{"name": "sources", "score": 1.0, "weight": 0.2, "says": "A source is named."}],
        "problems": ["It is very short."],
    },
}
CHECKED = {
    **ITEM,
    "verdict": {"verdict": "valid", "note": "", "version": 1, "by": USER, "at": "2026-01-01T12:00:00Z", "is_current": True},
}
SHARE = {"user_id": None, "team_id": OTHER, "role": "editor"}
PERMISSIONS = {"owner_id": USER, "audience": "none", "shares": [SHARE], "may_change": True}
LINK = {"id": ID, "from_id": ID, "to_id": OTHER, "kind": "about"}
RELATED = {
    "items": [{"item_id": OTHER, "title": "Milking goats", "kind": "rule", "category": "animals", "depth": 1}],
    "links": [LINK],
    "alike": [NEIGHBOUR],
}
FOUND = {
    "item_id": ID,
    "version": 1,
    "title": "Feeding goats",
    "kind": "rule",
    "category": "animals",
    "tags": ["goats"],
    "score": 0.031,
    "reason": "Found by meaning and by words.",
    "passage": "Goats are fed at six.",
    "start": 0,
    "end": 21,
}
