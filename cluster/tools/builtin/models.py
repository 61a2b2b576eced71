"""The models that are served."""

from __future__ import annotations

from pydantic import Field

from cluster.contracts.generation import GenerationRequest, Json, Message, Sampling
from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import ModelNotFound
from cluster.tools.builtin.base import Arguments, Call, Options, Said, object_of
from cluster.tools.builtin.base import BuiltinTool as Tool

CATEGORY = "models"
# A model that does not answer, and that a request brings into service, can be asked too.
USABLE = frozenset({ModelState.READY, ModelState.LOADING, ModelState.IDLE, ModelState.FAILED})


class ListArguments(Arguments):
    kind: ModelKind | None = Field(None, description="Only those of this kind.")


class AskArguments(Arguments):
    prompt: str = Field(min_length=1, max_length=200_000, description="What the model is asked.")
    system: str | None = Field(None, max_length=50_000, description="What it is told about how to answer.")
    model: str | None = Field(None, max_length=200, description="A language model, as models_list names it; null: the first.")
    max_tokens: int | None = Field(None, ge=1, le=100_000, description="Longest answer; the tool's setting bounds it.")
    temperature: float | None = Field(None, ge=0, le=2, description="0 is the likeliest answer; null: the model's own default.")


class AskOptions(Options):
    model: str | None = Field(None, max_length=200, description="Who is asked where the call names nobody; null: the profile's first.")
    max_tokens: int = Field(1024, ge=1, le=100_000, description="Longest answer, in tokens.")


async def _list(call: Call[ListArguments, Options]) -> Json | Said:
    wanted = call.given.kind
    found = [status for status in await call.around.gateway.models() if wanted is None or status.kind is wanted]
    models: list[Json] = [
        {
            "id": status.id,
            "kind": status.kind.value,
            "state": status.state.value,
            "capabilities": list(status.capabilities),
            "context_tokens": status.context_tokens,
            "adapters": list(status.adapters),
        }
        for status in found
    ]
    said = "\n".join(f"{status.id}: {status.kind.value}, {status.state.value}" for status in found)
    return Said({"models": models}, said or "There are no such models.")


async def _ask(call: Call[AskArguments, AskOptions]) -> Json | Said:
    given, gateway = call.given, call.around.gateway
    model = given.model or call.options.model or await _first(call)
    await gateway.resolve(model, ModelKind.LLM)
    messages = (*((Message("system", given.system),) if given.system else ()), Message("user", given.prompt))
    most = min(given.max_tokens or call.options.max_tokens, call.options.max_tokens)
    request = GenerationRequest(
        model=model,
        messages=messages,
        sampling=Sampling(temperature=given.temperature, max_tokens=most),
        request_id=call.caller.key,
        scope=str(call.caller.organisation_id),
    )
    answer = await gateway.generate(request)
    served = answer.provenance.served_by if answer.provenance else model
    call.spent.append((served, answer.usage))
    value: Json = {"text": answer.text, "model": served, "finish_reason": answer.finish_reason, "tokens": answer.usage.total_tokens}
    return Said(value, answer.text)


async def _first(call: Call[AskArguments, AskOptions]) -> str:
    found = [status.id for status in await call.around.gateway.models() if status.kind is ModelKind.LLM and status.state in USABLE]
    if not found:
        raise ModelNotFound("No language model is served; add one to the profile.")
    return found[0]


MODELS_LIST = Tool(
    "models_list",
    "List models",
    "The models that are served, and what each can do.",
    CATEGORY,
    ListArguments,
    Options,
    _list,
    output=object_of(models={"type": "array"}),
)
ASK_MODEL = Tool(
    "ask_model",
    "Ask a model",
    "One answer of a language model.",
    CATEGORY,
    AskArguments,
    AskOptions,
    _ask,
    output=object_of(text={"type": "string"}, model={"type": "string"}, finish_reason={"type": "string"}, tokens={"type": "integer"}),
)
