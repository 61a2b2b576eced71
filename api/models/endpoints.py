"""``GET /v1/models``, ``GET /api/v1/models`` and one of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from api.agents.deps import WithGateway
from api.models.schemas import ModelDetail, ModelEntry, ModelList
from api.models.service import Models
from api.web.answers import Success, json_answer, success
from api.web.attend import attend
from api.web.openapi import READING, responses


class ModelIdConvertor(Convertor[str]):
    """A model id, which has slashes where a provider serves it."""

    regex = "[^/].*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("model_id", ModelIdConvertor())
router = APIRouter(tags=["models"])

ENTRY = {"id": "nano-llm", "object": "model", "created": 1760000000, "owned_by": "hearth", "parent": None}
DETAIL = {
    "id": "nano-llm",
    "kind": "llm",
    "state": "ready",
    "reason": "llama.cpp, because there is no GPU.",
    "capabilities": ["chat", "completion"],
    "engine": "llama_cpp",
    "device": "cpu",
    "dtype": "int8",
    "budget_bytes": 67108864,
    "pinned": True,
    "context_tokens": 2048,
    "created": 1760000000,
    "owned_by": "hearth",
    "nano": True,
    "adapters": [],
}


async def models(gateway: WithGateway) -> Models:
    return Models(gateway)


WithModels = Annotated[Models, Depends(models)]
ModelPath = Annotated[str, Path(min_length=1, max_length=200, description="Model id, or `<model>:<adapter>`.")]


@router.get(
    "/v1/models", summary="List models", response_model=ModelList, responses=responses({"object": "list", "data": [ENTRY]}, READING)
)
async def list_models(request: Request, service: WithModels) -> Response:
    """The models and adapters that can be asked, and `agent/<name>` for each graph that can be chatted with, in OpenAI's shape."""
    return json_answer(await attend(request, service.entries()))


@router.get("/v1/models/{model:model_id}", summary="One model", response_model=ModelEntry, responses=responses(ENTRY, (*READING, 404)))
async def get_model(request: Request, model: ModelPath, service: WithModels) -> Response:
    """One model or adapter, in OpenAI's shape."""
    return json_answer(await attend(request, service.entry(model)))


@router.get(
    "/api/v1/models",
    summary="All models in detail",
    response_model=Success[list[ModelDetail]],
    responses=responses({"status": "success", "data": [DETAIL]}, READING),
)
async def list_model_details(request: Request, service: WithModels) -> Response:
    """Every model of the profile, those that do not serve included, with the reason; behind them agents and graphs, of the kind `agent`."""
    return success(await attend(request, service.details()))


@router.get(
    "/api/v1/models/{model:model_id}",
    summary="One model in detail",
    response_model=Success[ModelDetail],
    responses=responses({"status": "success", "data": DETAIL}, (*READING, 404)),
)
async def get_model_detail(request: Request, model: ModelPath, service: WithModels) -> Response:
    """Capabilities, engine, device, memory budget and state of one model, and why."""
    return success(await attend(request, service.detail(model)))
