"""The same engine behind plain Ray Serve, as its documentation shows it: FastAPI ingress, one replica, StreamingResponse, default proxy.

``python -m deployments.bench.bare_serve PORT FOLDER`` reads a ReplicaSpec from stdin and prints "ready"; the end of stdin ends it.
FOLDER is Ray's own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

import ray
from fastapi import Body, FastAPI
from ray import serve
from starlette.responses import StreamingResponse

from cluster.contracts.generation import GenerationRequest, Message, Sampling
from cluster.contracts.serving import ReplicaSpec

app = FastAPI()


@serve.deployment(max_ongoing_requests=4096, ray_actor_options={"num_cpus": 0})
@serve.ingress(app)
class BareChat:
    """Chat completions, streamed, one replica with the engine inside."""

    def __init__(self, spec: str) -> None:
        from deployments.llm import Llm

        self._llm = Llm(ReplicaSpec.model_validate_json(spec))

    @app.post("/v1/chat/completions")
    async def chat(self, body: Annotated[dict[str, Any], Body()]) -> StreamingResponse:
        bias = {int(token): float(value) for token, value in body["logit_bias"].items()}
        request = GenerationRequest(
            model=body["model"],
            messages=tuple(Message(message["role"], message["content"]) for message in body["messages"]),
            sampling=Sampling(temperature=body["temperature"], max_tokens=body["max_tokens"], logit_bias=bias),
        )
        return StreamingResponse(self._events(request), media_type="text/event-stream")

    async def _events(self, request: GenerationRequest) -> AsyncIterator[str]:
        async with aclosing(self._llm.stream(request)) as batches:
            async for deltas in batches:
                for delta in deltas:
                    usage = {"completion_tokens": delta.usage.completion_tokens} if delta.usage else None
                    yield f"data: {json.dumps({'choices': [{'delta': {'content': delta.text}}], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"


def main() -> None:
    spec = sys.stdin.readline()
    ray.init(include_dashboard=False, _temp_dir=sys.argv[2], log_to_driver=False, object_store_memory=256 * 2**20)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(BareChat.bind(spec), name="bare")  # type: ignore[attr-defined]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    asyncio.run(asyncio.to_thread(sys.stdin.read))
    serve.shutdown()  # type: ignore[no-untyped-call]
    ray.shutdown()


if __name__ == "__main__":
    main()
