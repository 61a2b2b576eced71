"""What the docs show of releases."""

from __future__ import annotations

from typing import Any

from api.adapters.endpoints import ROUTE

ID = "7a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
BODY = {
    "base": "hearth-nano",
    "name": "support",
    "prompt": {"name": "farm", "version": 1},
    "retrieval": {"settings": "default"},
}
RELEASE: dict[str, Any] = {
    "id": ID,
    "model": "hearth-nano:release:support@2",
    "base": "hearth-nano",
    "name": "support",
    "version": 2,
    "description": "",
    "adapter_id": None,
    "prompt": {"name": "farm", "version": 1, "text": "You help Mira."},
    "retrieval": {"settings": "default", "version": 2},
    "state": "passed",
    "percent": None,
    "override": None,
    "owner_id": ID,
    "approver_id": None,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
}
BACK = {**ROUTE, "release_id": ID, "default_id": None}
EXAMINATION = {"incumbent": None, "gate": "default", "dataset": "parcels", "dataset_version": 3}
ARM = {"conversations": 400, "answers": 900, "rated": 210, "went_well": 170, "up": 160, "down": 20, "against": 45}
LATENCY = {"candidate": 820.0, "control": 900.0, "difference": -80.0, "low": -140.0, "high": -10.0, "p_value": 0.02}
COMPARISON = {
    "release": "support@2",
    "trial": {"kind": "ab", "percent": 50.0, "begun_at": "2026-01-01T12:00:00Z", "ended_at": None},
    "candidate": ARM,
    "control": {**ARM, "went_well": 140},
    "rates": {
        "candidate": 0.81,
        "control": 0.667,
        "difference": 0.143,
        "low": 0.058,
        "high": 0.225,
        "p_value": 0.001,
        "p_anytime": 0.021,
    },
    "latency": LATENCY,
    "first_token": LATENCY,
    "needed": {"candidate": 330, "control": 330},
    "is_enough": False,
    "shown": "better",
    "reason": "It is shown to be better, of fewer than the 330 rated conversations with it and 330 without it that were to be looked at.",
    "shadow": {
        "asked": 120,
        "failed": 1,
        "same": 40,
        "candidate_ms": 700.0,
        "live_ms": 650.0,
        "candidate_tokens": 60.0,
        "live_tokens": 70.0,
    },
}
SHADOW = {
    "id": ID,
    "messages": [{"role": "user", "content": "How many goats has Mira?"}],
    "live": "Mira has 3 goats.",
    "live_by": "hearth-nano",
    "live_ms": 650,
    "live_tokens": 6,
    "candidate": "Three.",
    "candidate_ms": 700,
    "candidate_tokens": 2,
    "error": None,
    "created_at": "2026-01-01T12:00:00Z",
}
