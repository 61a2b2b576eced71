"""What the docs show of samples to label and the labelling queue."""

from __future__ import annotations

ID = "5e1c7d7e-3d5c-4a5b-9a53-1f6f0a3a7b10"
TIME = "2026-01-01T12:00:00Z"
TURN = {"role": "user", "content": "When do the goats eat?"}
SELECT = {"source": "samples", "samples": [{"id": "1", "text": TURN["content"], "answer": "At noon."}], "limit": 1}
PARTS = {"uncertainty": 0.92, "diversity": 1.0, "novelty": 0.61, "value": 0.5}
SUMMARY = {"uncertainty": 0.81, "novelty": 0.6, "clusters": 7, "of_clusters": 9, "radius": 0.52}
REASON = "The model was less sure than of most candidates (0.92); it is unlike those chosen before (1.00)."
SELECTION = {
    "strategy": "active",
    "weights": {"uncertainty": 0.4, "diversity": 0.3, "novelty": 0.2, "value": 0.1},
    "candidates": 120,
    "trained": 40,
    "samples": [
        {
            "id": ID,
            "messages": [TURN],
            "answer": "At noon.",
            "score": 0.84,
            "parts": PARTS,
            "measured": {"entropy": 0.41, "doubt": 0.55, "disagreement": None},
            "cluster": 3,
            "share": 0.12,
            "reason": REASON,
            "item_id": ID,
        }
    ],
    "chosen": SUMMARY,
    "at_random": SUMMARY | {"uncertainty": 0.5, "clusters": 5, "radius": 0.71},
    "queued": 1,
    "notes": [],
}
CAMPAIGN_BODY = {"name": "goats", "task": "farm", "instructions": "Write the right answer.", "kind": "text", "labels_per_item": 1}
CAMPAIGN = {
    **CAMPAIGN_BODY,
    "id": ID,
    "labels": [],
    "form": None,
    "lease_s": 1800,
    "state": "open",
    "owner_id": ID,
    "created_at": TIME,
    "updated_at": TIME,
}
GIVEN = {
    "assignment_id": ID,
    "item_id": ID,
    "state": "held",
    "messages": [TURN],
    "answer": "At noon.",
    "reason": REASON,
    "lease_until": TIME,
    "value": None,
    "item_state": "open",
}
LABELLED = GIVEN | {"state": "submitted", "lease_until": None, "value": "At seven.", "item_state": "agreed"}
LABEL = {"annotator": ID, "state": "submitted", "value": "At seven.", "remark": "", "submitted_at": TIME, "lease_until": None}
ITEM = {
    "id": ID,
    "campaign_id": ID,
    "source_kind": "chat",
    "source_id": ID,
    "messages": [TURN],
    "answer": "At noon.",
    "score": 0.84,
    "parts": PARTS | {"strategy": "active"},
    "reason": GIVEN["reason"],
    "state": "agreed",
    "decided": True,
    "final": "At seven.",
    "final_by": ID,
    "decided_at": TIME,
    "created_at": TIME,
    "labels": [LABEL],
}
STATISTICS = {
    "items": {"open": 3, "agreed": 5, "disputed": 1, "adjudicated": 1},
    "labels": 9,
    "people": [{"annotator": ID, "labels": 9, "held": 1, "lapsed": 0, "skipped": 1, "agreed": 0.83, "seconds": 21.5}],
    "values": {"At seven.": 2},
}
AGREEMENT = {
    "items": 7,
    "labels": 14,
    "agreed": 0.86,
    "alpha": 0.71,
    "pairs": [{"people": [ID, "label_studio:4"], "items": 7, "agreed": 0.86, "kappa": 0.7}],
}
IMPORTED = {"items": 10, "known": 2, "labels": 8, "decided": 6}
JSONL = '{"source":{"kind":"import","id":"1"},"messages":[{"role":"user","content":"When do the goats eat?"}]}\n'
