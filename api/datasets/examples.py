"""What the docs show of datasets."""

from __future__ import annotations

BODY = {
    "name": "sums",
    "description": "What children ask.",
    "task": "sums",
    "shape": "sft",
    "sources": [{"kind": "upload", "file_id": "file-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e"}],
    "options": {"held_out_share": 0.2},
}
OPTIONS = {
    "held_out_share": 0.2,
    "pii": "mask",
    "pii_kinds": ["email", "phone", "iban", "credit_card", "ip_address", "national_id", "secret"],
    "region": "DE",
    "near_duplicates": "drop",
    "contradictions": "majority",
}
DATASET = {
    **BODY,
    "options": OPTIONS,
    "id": "4c0e9a57-2f61-4c0e-9a57-5d1f9f6f2c11",
    "version": 1,
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "created_at": "2026-11-21T08:30:00Z",
}
BUILD = {"job_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11", "dataset_id": DATASET["id"], "state": "queued"}
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
VERSION = {
    "id": "7a4e6b8c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "dataset_id": DATASET["id"],
    "version": 1,
    "sha256": SHA256,
    "shape": "sft",
    "train": 36,
    "held_out": 4,
    "contains_erased": 0,
    "erased_at": None,
    "job_id": BUILD["job_id"],
    "created_at": "2026-11-21T08:31:00Z",
}
LENGTHS = {"least": 6, "median": 8, "p95": 11, "most": 12}
SHEET = {
    "dataset": "sums",
    "recipe": {"shape": "sft", "task": "sums", "sources": BODY["sources"], "options": OPTIONS},
    "counts": {"read": 42, "kept": 40, "train": 36, "held_out": 4},
    "sources": {"upload file-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e": 42},
    "kept_by_kind": {"upload": 40},
    "tasks": {"sums": {"train": 36, "held_out": 4, "answers": 17}},
    "dropped": {"duplicate": 1, "wrong_format": 1},
    "wrong": [{"place": "sums.jsonl, line 3", "problem": "'messages' must be a list of messages."}],
    "personal_data": {"did": "mask", "examples": 1, "found": {"email": 1}},
    "near_duplicates": {"clusters": 0, "examples": 0, "largest": 0, "held_out_clusters": 0},
    "contradictions": {"questions": 0, "did": "majority", "listed": []},
    "lengths": {"question_chars": LENGTHS, "answer_chars": LENGTHS},
    "warnings": [],
    "sha256": SHA256,
}
SHEET_TEXT = "# sums\n\n40 examples of 42 read, for SFT: 36 to train on, 4 held out.\n"
LINE = (
    '{"chosen": "5", "messages": [{"content": "2 + 3?", "role": "user"}], "rejected": null, '
    '"source": {"id": "file-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e:1", "kind": "upload", "user_id": null}, "task": "sums"}\n'
)
