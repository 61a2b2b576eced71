"""The parameters and the accounting that chat and completions have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue

from api.web.schema import Answer, Body, ModelId
from cluster.contracts.generation import Sampling, Usage

_MOST_TOKENS = 10_000_000


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


Stop = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=500)]], BeforeValidator(_one_or_more, str | list[str]), Field(max_length=16)
]
Count = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]
Bias = Annotated[float, Field(ge=-100, le=100)]
TokenKey = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class StreamOptions(Body):
    include_usage: bool | None = Field(None, description="Send the token usage in a chunk of its own before the end.")
    include_obfuscation: Literal[False] | None = Field(None, description="Padding against traffic analysis; not offered.")


class GenerationBody(Body):
    """Fields of both endpoints. ``metadata`` and the like route a request at OpenAI; here they change nothing."""

    model: ModelId = Field(description="Model id, or `<model>:<adapter>`.", examples=["nano-llm"])
    max_tokens: Count | None = Field(None, description="Most tokens to generate.")
    temperature: float | None = Field(None, ge=0, le=2, description="0: always the likeliest token. None: the model's default.")
    top_p: float | None = Field(None, gt=0, le=1, description="Sample among the likeliest tokens that make up this probability.")
    n: int | None = Field(None, ge=1, le=1024, description="Answers to generate; the setting limits.completions_per_request bounds it.")
    stop: Stop | None = Field(None, description="Text(s) that end the answer; they are not part of it.")
    seed: int | None = Field(
        None, ge=-(2**63), le=2**63 - 1, description="Same seed, same parameters, same answer (as far as the engine can)."
    )
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[TokenKey, Bias] | None = Field(None, max_length=1024, description="Token id to a bias on its logit.")
    stream: bool | None = Field(None, description="Send the answer piece by piece as server-sent events.")
    stream_options: StreamOptions | None = Field(None, description="Only with `stream`.")
    user: str | None = Field(
        None, max_length=512, description="Whose request it is: while an adapter is tried on a share of them, the same get the same one."
    )

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def sampling(self, *, max_tokens: int | None, top_logprobs: int | None, choice: int) -> Sampling:
        """For the choice with this index: each has its own seed, so that they differ and can still be repeated."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=max_tokens,
            stop=tuple(self.stop or ()),
            seed=None if self.seed is None else _wrapped(self.seed + choice),
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias={int(token): bias for token, bias in (self.logit_bias or {}).items()},
            top_logprobs=top_logprobs,
        )


def _wrapped(seed: int) -> int:
    return (seed + 2**63) % 2**64 - 2**63


class PromptTokensDetails(Answer):
    cached_tokens: int = Field(description="Part of the prompt that was answered from the KV cache.")


class UsageAnswer(Answer):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails

    @classmethod
    def of(cls, usage: Usage) -> UsageAnswer:
        return cls(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            prompt_tokens_details=PromptTokensDetails(cached_tokens=usage.cached_tokens),
        )


# Where a field belongs to OpenAI's API but not to this one, the reason is said instead of "unknown".
def unsupported(reason: str) -> BeforeValidator:
    """Refuses any value but null, saying why."""

    def refuse(value: object) -> object:
        if value is not None:
            raise ValueError(reason)
        return value

    return BeforeValidator(refuse, JsonValue)
