from __future__ import annotations

import huggingface_hub.constants
import pytest


@pytest.fixture(autouse=True)
def hub_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that other tests loaded in this process have told the hub's library never to reach for the network."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
