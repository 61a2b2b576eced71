"""What the docs show of feedback."""

from __future__ import annotations

from api.conversations.examples import MESSAGE

BODY = {"message_id": MESSAGE["id"], "correction": "Mira has 4 goats.", "reasons": ["wrong-number"]}
FEEDBACK = {
    "id": "3f1f9c52-6a0e-4b6f-9f0c-2a5d6f7b8c90",
    "user_id": "0d6a8f0c-7c1e-4d0d-8a55-3b5c2f9d1e44",
    "kind": "explicit",
    "signal": "correction",
    "target": "message",
    "target_id": MESSAGE["id"],
    "other_id": None,
    "value": None,
    "reasons": ["wrong-number"],
    "task": "chat",
    "model": "nano-llm",
    "adapter": None,
    "release": None,
    "prompt": "farm",
    "prompt_version": 2,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
}
DETAIL = {
    **FEEDBACK,
    "comment": None,
    "correction": "Mira has 4 goats.",
    "shown": [{"role": "user", "content": "How many goats has Mira?"}],
    "answered": "Mira has 3 goats.",
    "rejected": None,
    "provenance": {"model": "nano-llm", "served_by": "nano-llm", "status": "complete"},
    "is_example": True,
}
COUNTS = {
    "group": "nano-llm",
    "given": 5,
    "people": 2,
    "up": 2,
    "down": 1,
    "stars": 1,
    "mean_stars": 4.0,
    "corrections": 1,
    "preferences": 0,
    "remarks": 0,
    "regenerated": 0,
    "copied": 0,
    "edited": 0,
    "abandoned": 0,
    "approval": 0.75,
}
STATISTICS = {
    "totals": [COUNTS],
    "buckets": [{**COUNTS, "begins": "2026-01-01"}],
    "reasons": [{"reason": "wrong-number", "given": 1}],
    "is_complete": True,
}
CONSENT = {
    "organisation": True,
    "yours": None,
    "may_learn": True,
    "promises": [
        {
            "what": "feedback",
            "given": 12,
            "of": 12,
            "allows": "Models are trained on your corrections, preferences and approvals, with what was asked and answered there.",
            "said_by": "PUT /api/v1/feedback/consent",
        }
    ],
}
