"""What the docs show of learning."""

from __future__ import annotations

from typing import Any

JUDGED: dict[str, Any] = {
    "verdict_id": "5c0b6c1e-6a55-4f0e-8a0c-0d7b1f7d3a10",
    "time": "2026-11-30T08:30:00Z",
    "outcome": "passed",
    "task": "parcels",
    "base": "hearth-nano",
    "adapter": "parcels@2",
    "score": 0.71,
    "before": 0.225,
    "difference": 0.485,
    "items": 200,
    "dataset": "parcels",
    "version": 3,
    "labels": 120,
    "sources": {"feedback": 20, "label": 100},
    "chosen": "active",
}
POINT = {"labels": 120, "score": 0.71, "low": 0.69, "high": 0.73, "verdicts": 3}
EFFICIENCY = {
    "curves": [{"task": "parcels", "base": "hearth-nano", "chosen": "active", "points": [POINT], "item_sets": 1}],
    "savings": [{"task": "parcels", "base": "hearth-nano", "score": 0.68, "random": 200.0, "active": 104.0, "share": 0.52}],
    "verdicts": [JUDGED],
    "notes": [],
}
RATE = {"hits": 18, "count": 20, "share": 0.9, "low": 0.699, "high": 0.972}
NONE = {"hits": 0, "count": 0, "share": None, "low": None, "high": None}
QUALITY = {
    "series": [
        {
            "task": "parcels",
            "group": "hearth-nano:parcels@2",
            "points": [{"begins": "2026-11-30", "given": 22, "approval": RATE, "corrections": RATE | {"hits": 2}, "discarded": NONE}],
        }
    ],
    "verdicts": [JUDGED],
    "is_complete": True,
    "notes": [],
}
DRIFT = {
    "base": "hearth-nano",
    "adapter": "hearth-nano:parcels@2",
    "dataset": "3b0f1c9e-7f55-4b0e-9d63-1f0b7a0d2c11",
    "version": 3,
    "embedding_model": "all-minilm-l6-v2",
    "texts": {
        "trained": 120,
        "recent": 200,
        "finding": "drifted",
        "distance": 0.09,
        "effect": 0.07,
        "p": 0.001,
        "level": 0.01,
        "least_effect": 0.02,
        "nearness": {"trained": [0.1, 0.9], "recent": [0.2, 1.2], "border": 0.8, "unfamiliar": 0.21},
    },
    "rates": {"approval": {"before": RATE, "now": RATE, "finding": "steady", "p": 1.0}},
    "notes": [],
}
SPENT = {
    "training_s": 52.1,
    "training_tokens": 48_000,
    "labels": 120,
    "labelling_s": 1800.0,
    "gate_tokens": 61_000,
    "money": 15.0,
    "unpriced": ["training", "gate"],
}
PER_POINT = {name: amount / 48.5 for name, amount in SPENT.items() if isinstance(amount, int | float)}
COST = {
    "currency": "EUR",
    "adapters": [JUDGED | {"points": 48.5, "low": 41.0, "high": 56.0, "spent": SPENT, "per_point": PER_POINT}],
    "totals": [
        {"task": "parcels", "base": "hearth-nano", "adapters": 1, "passed": 1, "points": 48.5, "spent": SPENT, "per_point": PER_POINT}
    ],
    "notes": [],
}
