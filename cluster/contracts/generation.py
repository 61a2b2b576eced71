"""What is asked of a language model and what it answers, in terms of the OpenAI chat API (which both engines speak)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

# JSON as Python holds it. Used only where the shape belongs to the caller: a tool's parameters, a response schema.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JsonObject = dict[str, Json]

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made. ``arguments`` is JSON text, exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: its encoded bytes, and what they are, such as ``image/png``."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """``images`` are shown before the text."""

    role: Role
    content: str | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """None means: the model's own default. ``max_tokens`` None means: as much as the context leaves."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[int, float] = field(default_factory=dict)
    # Number of alternatives to report for each token (0: only the chosen one); None: no log probabilities at all.
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """``json_schema`` constrains the output to ``schema``; ``json_object`` to any JSON object."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Caching:
    """May the answer come from the cache of equal requests, and go there for ``ttl_s`` seconds (0: neither)? ``sampled``: even where
    the temperature is not 0."""

    ttl_s: int
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation. Exactly one of ``messages`` (chat) and ``prompt`` (raw completion: text or token ids) is given.

    ``fallbacks``: models to ask in this order when ``model`` cannot answer; with it at most four. ``caching`` None: as its alias says.
    ``scope``: who asks, such as an organisation; requests of different scope share no cached answer. ``subject``: whose or which talk it
    is; equal ones are answered by the same adapter while one is tried on a share of the requests (empty: by chance). ``given``: where a
    graph is asked in place of a model, other fields of its input. ``release``: the release of ``model`` that was chosen for it already,
    ``<name>@<version>``; None: what answers is chosen when it is asked.
    """

    model: str
    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    adapter: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[JsonObject, ...] = ()
    tool_choice: str | JsonObject | None = None
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    request_id: str = ""
    fallbacks: tuple[str, ...] = ()
    caching: Caching | None = None
    scope: str = ""
    subject: str = ""
    given: JsonObject = field(default_factory=dict)
    release: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; ``id`` and ``name`` come once, with the first piece of ``index``."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Counted by the engine or provider, in tokens. ``cached_tokens`` is the part of the prompt served from the KV cache.
    ``estimated``: a provider reported nothing, or nonsense, so this is our own estimate."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of a prompt. ``exact``: by the model's own vocabulary; of a provider's model it leaves out only what the provider adds around
    the text. ``how``: a sentence for people."""

    tokens: int
    exact: bool
    how: str


@dataclass(frozen=True, slots=True)
class Fallback:
    """A model that was asked and could not answer: ``code`` of the error (see cluster.errors), ``reason`` its message."""

    model: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who answered: a model's own id (``<provider>/<model>`` where it is not local), after which others failed, in order.
    ``cached``: it answered an equal request before, and was not asked again. ``release``: in the way of which release of its base,
    ``<name>@<version>``."""

    served_by: str
    fallbacks: tuple[Fallback, ...] = ()
    cached: bool = False
    release: str | None = None


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """The run of a graph that answered in place of a model. ``state``: how it stands; one that waits for a person has asked in its
    answer. ``citations``: JSON, as the graph gave them. ``spent``: by model."""

    run_id: str
    graph: str
    state: str
    citations: tuple[Any, ...] = ()
    spent: tuple[tuple[str, Usage], ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationDelta:
    """A piece of a streamed answer. The last one carries ``finish_reason`` and ``usage``, and ``run`` where a graph answers; the first one
    ``provenance`` where several models may answer."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    provenance: Provenance | None = None
    run: GraphAnswer | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A whole answer."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    provenance: Provenance | None = None
    run: GraphAnswer | None = None
