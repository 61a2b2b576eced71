"""What the docs show of conversations."""

from __future__ import annotations

CONVERSATION = {
    "id": "5e1c7d7e-3d5c-4a5b-9a53-1f6f0a3a7b10",
    "user_id": "0d6a8f0c-7c1e-4d0d-8a55-3b5c2f9d1e44",
    "type": "general",
    "status": "active",
    "is_resumable": True,
    "title": "Goats",
    "tags": ["farm"],
    "metadata": {},
    "pinned": False,
    "model": None,
    "system_prompt": None,
    "prompt_id": None,
    "prompt_variables": {},
    "active_leaf_id": None,
    "auto_compact": False,
    "knowledge": {"collections": ["9c8d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f"], "settings": None, "limit": None, "require": False},
    "input_tokens": 18,
    "output_tokens": 1,
    "cached_tokens": 0,
    "total_tokens": 19,
    "usage_by_model": {"nano-llm": {"answers": 1, "input_tokens": 18, "output_tokens": 1, "cached_tokens": 0}},
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
    "expires_at": "2027-01-01T12:00:00Z",
    "deleted_at": None,
}
MESSAGE = {
    "id": "f0b7c9d2-8a4e-4c39-9d1f-0a2b3c4d5e6f",
    "conversation_id": CONVERSATION["id"],
    "parent_id": None,
    "author_id": None,
    "role": "assistant",
    "status": "complete",
    "content": [{"type": "text", "text": "3"}],
    "text": "3",
    "thinking": "",
    "tool_calls": [],
    "citations": [],
    "pinned": False,
    "model": "nano-llm",
    "adapter": None,
    "served_by": "nano-llm",
    "release": None,
    "fallbacks": [],
    "from_cache": False,
    "summary": None,
    "tool_call_id": None,
    "prompt_tokens": 18,
    "completion_tokens": 1,
    "cached_tokens": 0,
    "total_tokens": 19,
    "tokens_exact": True,
    "finish_reason": "stop",
    "remark": None,
    "first_token_ms": 12,
    "latency_ms": 20,
    "created_at": "2026-01-01T12:00:01Z",
}
PARTICIPANT = {"user_id": CONVERSATION["user_id"], "role": "owner", "created_at": "2026-01-01T12:00:00Z"}
SHARE = {
    "id": "9b2f6a34-54f4-4c0e-8f0a-6f8f5f2f7a01",
    "created_at": "2026-01-01T12:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "token": "m1yJ0tqk8m2cXcXqg2VnUoQ0b0r6m4v1Zs9k3tY7e5A",
}
FOUND = {"conversation_id": CONVERSATION["id"], "title": "Goats", "message_id": MESSAGE["id"], "excerpt": "Mira has 3 **goats**."}
SHARED = {
    "title": "Goats",
    "messages": [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "3"}],
            "thinking": "",
            "model": "nano-llm",
            "created_at": "2026-01-01T12:00:01Z",
        }
    ],
}

ANALYTICS = {
    "conversations": 1,
    "messages": 2,
    "people": 1,
    "models": [{"answers": 1, "input_tokens": 18, "output_tokens": 1, "cached_tokens": 0, "model": "nano-llm", "unfinished": 0}],
    "days": [{"day": "2026-01-01", "conversations": 1, "messages": 2, "tokens": 19}],
}


def ok(data: object) -> dict[str, object]:
    return {"status": "success", "data": data}


def listing(item: object) -> dict[str, object]:
    return ok({"items": [item], "next_cursor": None})


def done(what: str) -> dict[str, object]:
    return ok({"id": CONVERSATION["id"], "done": what})
