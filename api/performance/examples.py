"""What the documentation shows of optimisations."""

from __future__ import annotations

from typing import Any

OPTIMIZE = {"optimisers": ["parallel", "batch"], "measure": "idle", "apply": False}
CHANGE = {"change": 0}
EVIDENCE: dict[str, Any] = {
    "basis": "measured",
    "metric": "tokens of answers",
    "unit": "tokens/s",
    "before": 812.4,
    "after": 1104.9,
    "ratio": 1.36,
    "low": 1.29,
    "high": 1.43,
    "confidence": 0.975,
    "samples": 8,
    "more": {"p95_answer_s_before": 1.9, "p95_answer_s_after": 1.4},
}
PROPOSED: dict[str, Any] = {
    "number": 0,
    "optimiser": "parallel",
    "subject": "hearth-nano",
    "state": "proposed",
    "reason": "parallel 8 in place of 4. Ratios of tokens of answers: 2: 0.610 (0.590 to 0.640); 8: 1.360 (1.290 to 1.430).",
    "how": "It is taken by what is served, at once and without a failed request.",
    "change": {"kind": "served", "model": "hearth-nano", "field": "parallel", "before": 4, "after": 8},
    "evidence": EVIDENCE,
    "outcome": None,
}
ENTRY: dict[str, Any] = {
    "id": "7d3c1d1e-1a52-4f0e-8a0c-0d7b1f7d3a10",
    "job_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "state": "succeeded",
    "error": None,
    "asked": {
        "optimisers": ["parallel", "batch"],
        "models": None,
        "moment": "idle",
        "apply": False,
        "values": {},
        "streams": None,
        "prompt": None,
    },
    "notes": [],
    "changes": [PROPOSED],
    "created_at": "2026-11-30T08:30:00Z",
}
ASKED = ENTRY | {"state": "queued", "changes": []}
DETAIL = ENTRY | {"samples": {"parallel hearth-nano": {"in force": [810.2, 812.4, 815.0], "8": [1101.3, 1104.9, 1110.0]}}}
