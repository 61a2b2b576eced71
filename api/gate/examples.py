"""What the documentation shows of verdicts."""

from __future__ import annotations

from typing import Any

EVALUATE = {"candidate": "hearth-nano:parcels", "gate": "default", "dataset": "parcels"}
DECISION = {"decision": "approve", "reason": "The two refusals that are lost were wrong before; seen item by item."}
REASON = (
    "task: better beyond noise; 71.0% against 22.5%, a difference of +48.5 points (95% interval +41.0 to +56.0; 200 items, 101 better, "
    "4 worse)."
)
DECIDED: dict[str, Any] = {
    **DECISION,
    "overrides": True,
    "by": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "name": "Mira",
    "time": "2026-11-30T08:40:00Z",
}
ENTRY: dict[str, Any] = {
    "id": "5c0b6c1e-6a55-4f0e-8a0c-0d7b1f7d3a10",
    "job_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "candidate": "hearth-nano:parcels",
    "incumbent": "hearth-nano",
    "gate": "default@2",
    "state": "decided",
    "error": None,
    "outcome": "undecided",
    "reasons": [REASON],
    "decision": DECIDED,
    "created_at": "2026-11-30T08:30:00Z",
}
ASKED = ENTRY | {"state": "queued", "outcome": None, "reasons": [], "decision": None}
SET = {
    "name": "task",
    "role": "task",
    "metric": "exact",
    "items": 200,
    "left_out": 0,
    "finding": "better",
    "candidate": 0.71,
    "incumbent": 0.225,
    "difference": 0.485,
    "low": 0.41,
    "high": 0.56,
    "wins": 101,
    "losses": 4,
    "p_better": 0.0001,
    "p_not_worse": 0.0001,
    "p_worse": 1.0,
    "tolerance": 0.0,
}
DETAIL = ENTRY | {
    "owner_id": DECIDED["by"],
    "documents": None,
    "held_out": {"kind": "dataset", "dataset": "3b0f1c9e-7f55-4b0e-9d63-1f0b7a0d2c11", "version": 3, "sha256": "a" * 64},
    "inputs": {"task": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    "confidence": 0.95,
    "resamples": 10000,
    "seed": 17,
    "sets": [SET],
    "decisions": [DECIDED],
}
SAID = {"text": "Sudale", "mark": 1.0, "by": "hearth-nano:parcels@1", "error": None}
PAIR = {
    "set": "task",
    "number": 3,
    "messages": [{"role": "user", "content": "Passage: Okan Prest lives in Sudale.\n\nQuestion: Where does Okan Prest live?"}],
    "expected": "Sudale",
    "candidate": SAID,
    "incumbent": SAID | {"text": "Okan", "mark": 0.0, "by": "hearth-nano"},
}
GATE = {
    "name": "default",
    "version": 1,
    "description": "Better at the task, as good as before elsewhere.",
    "confidence": 0.95,
    "resamples": 10000,
    "seed": 17,
    "answer_tokens": 128,
    "sets": [
        {"name": "task", "role": "task", "metric": "exact", "by_task": {}, "refusals": ["the passage does not say"], "file": None}
        | {"tolerance": 0.0, "minimum": 50, "most": 1000, "least": None}
    ],
}
