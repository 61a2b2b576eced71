"""What anybody who uses the system may know of it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import psutil

from cluster.contracts.generation import Json, JsonObject
from cluster.tools.builtin.base import Arguments, Call, Options, object_of
from cluster.tools.builtin.base import BuiltinTool as Tool


class InfoArguments(Arguments):
    """Nothing."""


async def _info(call: Call[InfoArguments, Options]) -> JsonObject:
    """No paths, addresses, names of machines or users, and no settings."""
    gateway = call.around.gateway
    snapshot, models = await gateway.residency(), await gateway.models()
    uses = {use.model: use for use in snapshot.models}
    devices: list[Json] = [
        {
            "id": device.id,
            "name": device.name,
            "memory_bytes": device.memory_bytes,
            "used_bytes": device.measured_bytes or device.budget_bytes,
        }
        for device in snapshot.devices
    ]
    told: list[Json] = [
        {
            "id": status.id,
            "kind": status.kind.value,
            "state": status.state.value,
            "device": status.device,
            "working_on": uses[status.id].ongoing if status.id in uses else 0,
            "waiting": uses[status.id].queued if status.id in uses else 0,
        }
        for status in models
    ]
    memory = psutil.virtual_memory()
    load: JsonObject = {
        "processors": os.cpu_count() or 1,
        "average_1_min": round(os.getloadavg()[0], 2),
        "memory_bytes": memory.total,
        "memory_free_bytes": memory.available,
    }
    return {"hearth": version("hearth"), "python": platform.python_version(), "devices": devices, "models": told, "load": load}


SYSTEM_INFO = Tool(
    "system_info",
    "System information",
    "Versions, devices, models and how busy they are.",
    "system",
    InfoArguments,
    Options,
    _info,
    output=object_of(hearth={"type": "string"}, devices={"type": "array"}, models={"type": "array"}, load={"type": "object"}),
)
