"""What the docs show of collections and documents."""

from __future__ import annotations

from api.conversations.examples import CONVERSATION

COLLECTION_BODY = {"name": "handbooks", "description": "What the office agreed on."}
COLLECTION = {
    "id": "8d0f6f0e-0b5f-4a44-9c07-2b0a3f6f1e01",
    **COLLECTION_BODY,
    "owner_id": CONVERSATION["user_id"],
    "embedding_model": "all-minilm-l6-v2",
    "strategy": "sentences",
    "size": 1000,
    "overlap": 200,
    "parent_size": 4000,
    "retrieval": "default",
    "documents": {"ready": 12, "pending": 3, "failed": 1},
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
}
DOCUMENT = {
    "id": "3f2b8f57-1f3e-4f0d-8a0c-6a1d6a3e7f21",
    "collection_id": COLLECTION["id"],
    "root_id": None,
    "path": "office/keys.pdf",
    "state": "ready",
    "reason": None,
    "version": 1,
    "media_type": "application/pdf",
    "bytes": 48213,
    "chunks": 9,
    "chars": 7301,
    "pages": 4,
    "content_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "duplicate_of": None,
    "similarity": None,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:09Z",
}
TEXT = {"path": "notes/keys.md", "text": "# Keys\n\nThe lighthouse key hangs behind the door."}
SPAN = {"document_id": DOCUMENT["id"], "version": 1, "start": 8, "end": 34, "chars": 51, "text": "The lighthouse key hangs b"}
UPLOAD = {
    "job_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "documents": [{"document_id": DOCUMENT["id"], "path": "office/keys.pdf", "version": 1, "outcome": "new"}],
}
