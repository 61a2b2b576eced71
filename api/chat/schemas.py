"""The body of ``POST /v1/chat/completions``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from api.generation.schemas import Count, GenerationBody, unsupported
from api.retrieval.citations import KnowledgeWish
from api.web.schema import Body, FreeObject, ModelId
from cluster.contracts.generation import JsonObject, ResponseFormat
from cluster.graphs.chatting import PREFIX
from cluster.specs.providers import DEEPEST_CHAIN

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


def _joined(value: object) -> object:
    """Content as text: a list of text parts becomes their texts, one per line."""
    if not isinstance(value, list):
        return value
    return "\n".join(_text_of(index, part) for index, part in enumerate(value))


def _text_of(index: int, part: object) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in {"image_url", "input_image"}:
        raise ValueError(f"part {index} is an image, and this model takes no images; use POST /api/v1/vision/extract-text to read one")
    if kind in {"input_audio", "audio"}:
        raise ValueError(f"part {index} is sound, and this model takes no sound; use POST /v1/audio/transcriptions to transcribe it")
    if not isinstance(part, dict) or kind != "text" or set(part) != {"type", "text"} or not isinstance(part["text"], str):
        raise ValueError(f'part {index} must be {{"type": "text", "text": "..."}}')
    return str(part["text"])


Content = Annotated[str, BeforeValidator(_joined, str | list[dict[str, JsonValue]])]
Empty = Annotated[None, BeforeValidator(lambda value: None if value in ([], None) else value, JsonValue)]


class InstructionMessage(Body):
    role: Literal["system", "developer"]
    content: Content
    name: str | None = Field(None, max_length=128)


class UserMessage(Body):
    role: Literal["user"]
    content: Content
    name: str | None = Field(None, max_length=128)


class FunctionCall(Body):
    name: ToolName
    arguments: str = Field(description="JSON text, as the model wrote it.")


class ToolCallMessage(Body):
    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"]
    function: FunctionCall


class AssistantMessage(Body):
    """An earlier answer, in the form the API gave it: what an answer carries besides text and tool calls is taken and not used."""

    role: Literal["assistant"]
    content: Content | None = None
    name: str | None = Field(None, max_length=128)
    tool_calls: list[ToolCallMessage] | None = Field(None, max_length=128)
    refusal: str | None = None
    reasoning_content: str | None = None
    citations: list[FreeObject] | None = Field(None, max_length=1000)
    annotations: Empty = None
    audio: Empty = None
    function_call: Empty = None

    @model_validator(mode="after")
    def _says_something(self) -> AssistantMessage:
        if self.content is None and not self.tool_calls and self.refusal is None:
            raise ValueError("an assistant message needs 'content' or 'tool_calls'")
        return self


class ToolMessage(Body):
    role: Literal["tool"]
    content: Content
    tool_call_id: str = Field(min_length=1, max_length=256)


ChatMessage = Annotated[InstructionMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class ToolFunction(Body):
    name: ToolName
    description: str | None = None
    parameters: FreeObject | None = Field(None, description="JSON schema of the arguments.")
    strict: bool | None = Field(None, description="Hold the arguments to the schema, where the engine can.")


class Tool(Body):
    type: Literal["function"]
    function: ToolFunction


class NamedFunction(Body):
    name: ToolName


class NamedTool(Body):
    type: Literal["function"]
    function: NamedFunction


class TextFormat(Body):
    type: Literal["text"]


class JsonObjectFormat(Body):
    type: Literal["json_object"]


class JsonSchema(Body):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    schema_: FreeObject = Field(alias="schema", description="JSON schema the answer is held to.")
    description: str | None = None
    strict: bool | None = None


class JsonSchemaFormat(Body):
    type: Literal["json_schema"]
    json_schema: JsonSchema


Format = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]
Metadata = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]]


class CacheWish(Body):
    """Hearth's own."""

    ttl_s: int = Field(ge=0, le=30 * 86400, description="Seconds the answer is given again to an equal request; 0: never.")
    sampled: bool = Field(False, description="Even where the temperature is not 0.")


class GraphWish(Body):
    """Hearth's own, where `model` is `agent/<graph>`."""

    input: FreeObject = Field(default_factory=dict, description="Other fields of the graph's input than `question` and `messages`.")


def need_graph(model: str, wish: GraphWish | None) -> None:
    if wish is not None and not model.startswith(PREFIX):
        raise ValueError(f"'hearth' is for graphs, and '{model}' is none; name `{PREFIX}<graph>`, or leave it out")


class ToolsBody(Body):
    """What may come instead of free text, and from whom."""

    tools: list[Tool] | None = Field(None, max_length=128, description="Functions the model may call.")
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = Field(
        None, description="Whether, or which, tool is to be called."
    )
    response_format: Format | None = Field(None, description="Hold the answer to JSON, or to a JSON schema.")
    fallbacks: Annotated[list[ModelId], Field(max_length=DEEPEST_CHAIN - 1)] | None = Field(
        None, description="Hearth's own: models to ask in this order when `model` cannot answer."
    )
    hearth: GraphWish | None = Field(None, description="Hearth's own: what a graph is given besides the conversation.")

    @model_validator(mode="after")
    def _tools_fit(self) -> ToolsBody:
        names = [tool.function.name for tool in self.tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("two of the 'tools' have the same name; rename one")
        if self.tool_choice not in (None, "none", "auto") and not names:
            raise ValueError("'tool_choice' needs 'tools'")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.function.name not in names:
            raise ValueError(f"'tool_choice' names '{self.tool_choice.function.name}', which is not among the 'tools'")
        return self

    def offered(self) -> tuple[JsonObject, ...]:
        return tuple(tool.model_dump(exclude_none=True) for tool in self.tools or ())

    def given(self) -> JsonObject:
        return dict(self.hearth.input) if self.hearth is not None else {}

    def choice(self) -> str | JsonObject | None:
        return self.tool_choice.model_dump() if isinstance(self.tool_choice, NamedTool) else self.tool_choice

    def wanted_format(self) -> ResponseFormat:
        if self.response_format is None:
            return ResponseFormat()
        if isinstance(self.response_format, JsonSchemaFormat):
            return ResponseFormat("json_schema", dict(self.response_format.json_schema.schema_))
        return ResponseFormat(self.response_format.type)


def need_text(knowledge: KnowledgeWish | None, wanted: Format | None) -> None:
    """Brackets are something else in JSON."""
    if knowledge is not None and wanted is not None and wanted.type != "text":
        raise ValueError("'knowledge' is cited in text; leave 'response_format' out, or search with POST /api/v1/retrieval/search first")


class ChatBody(GenerationBody, ToolsBody):
    messages: list[ChatMessage] = Field(min_length=1, description="The conversation so far.")
    max_completion_tokens: Count | None = Field(None, description="Most tokens to generate; the newer name of `max_tokens`.")
    logprobs: bool | None = Field(None, description="Report the log probability of each token.")
    top_logprobs: int | None = Field(None, ge=0, le=20, description="Alternatives to report for each token; only with `logprobs`.")
    parallel_tool_calls: bool | None = Field(None, description="False: at most one tool call in an answer.")
    cache: CacheWish | None = Field(None, description="Hearth's own: may an equal request of your organisation get this answer again?")
    knowledge: KnowledgeWish | None = Field(None, description="Hearth's own: answer from your organisation's documents, with citations.")
    metadata: Annotated[Metadata, Field(max_length=16)] | None = Field(None, description="Accepted, without effect.")
    store: Literal[False] | None = Field(None, description="Nothing is stored.")
    service_tier: Literal["auto", "default"] | None = Field(None, description="There is one tier.")
    prompt_cache_key: str | None = Field(None, max_length=512, description="Accepted; prefixes are cached without it.")
    safety_identifier: str | None = Field(
        None, max_length=512, description="Whose request it is: while an adapter is tried on a share of them, the same get the same one."
    )
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = Field(None, description="Text only.")
    functions: Annotated[None, unsupported("was replaced by 'tools'; use that")] = None
    function_call: Annotated[None, unsupported("was replaced by 'tool_choice'; use that")] = None
    audio: Annotated[None, unsupported("this server answers in text; leave it out")] = None
    prediction: Annotated[None, unsupported("predicted outputs are not offered; leave it out")] = None
    web_search_options: Annotated[None, unsupported("this server does not search the web; leave it out")] = None
    reasoning_effort: Annotated[None, unsupported("the served models have no such control; leave it out")] = None
    verbosity: Annotated[None, unsupported("the served models have no such control; ask for it in the prompt")] = None

    @model_validator(mode="after")
    def _consistent(self) -> ChatBody:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("'top_logprobs' needs 'logprobs': true")
        if self.max_tokens is not None and self.max_completion_tokens not in (None, self.max_tokens):
            raise ValueError("'max_tokens' and 'max_completion_tokens' differ; give one of them")
        need_text(self.knowledge, self.response_format)
        need_graph(self.model, self.hearth)
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' needs 'stream': true")
        return self
