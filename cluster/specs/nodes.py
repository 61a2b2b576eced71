"""The nodes of a graph, one shape for each kind.

Wherever a description says *expression*, it is CEL (https://cel.dev). It sees ``input`` (what the run was given), ``state`` (what
nodes wrote), ``run`` (``id``, ``graph``, ``organisation``, ``started_at``) and, inside a map, ``item`` and ``index``. Wherever it
says *template*, it is text with ``{{ expression }}`` in it; a text is put in as it is, anything else as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cluster.specs.guard import GuardSpec
from cluster.specs.loader import Spec

NAME = r"^[a-z][a-z0-9_]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
Expression = Annotated[str, Field(min_length=1, max_length=4000)]
Template = Annotated[str, Field(max_length=100_000)]
# Where a branch ends.
END = "end"


class Edge(Spec):
    """To ``to`` where ``when`` holds. Without ``when``: always."""

    to: Name = Field(description="A node, or `end`.")
    when: Expression | None = Field(None, description="Expression that is true or false.")


class Retry(Spec):
    """How often a node is tried, and how long it is waited in between."""

    attempts: int = Field(3, ge=1, le=10, description="Attempts in all; a node of kind `llm` takes three at most.")
    wait_s: float = Field(1.0, ge=0, le=3600, description="Seconds before the second attempt; they double with each.")
    max_wait_s: float = Field(60.0, ge=0, le=3600, description="Longest such wait, in seconds.")


class BaseNode(Spec):
    """What every node has. ``then`` names what follows: one node, several that run beside each other, or edges with conditions (every one
    that holds is taken; where none holds, the run fails and says so). Without ``then`` the branch ends."""

    description: str = Field("", max_length=1000, description="For people.")
    then: Name | list[Name | Edge] = Field(END, description="What follows.")
    retry: Retry | None = Field(None, description="Null: what the kind of node does by default.")
    timeout_s: float | None = Field(None, gt=0, le=7 * 86400, description="Seconds one attempt has; null: `graphs.node_timeout_s`.")
    on_error: Name | None = Field(None, description="Node that follows instead when all attempts have failed; `state.error` says why.")
    join: Literal["any", "all"] = Field(
        "any", description="`all`: the node waits until every branch that leads to it has come; `any`: it runs when one comes."
    )

    @property
    def edges(self) -> tuple[Edge, ...]:
        """``then`` in one form."""
        following = [self.then] if isinstance(self.then, str) else self.then
        return tuple(Edge(to=item) if isinstance(item, str) else item for item in following)


class WritingNode(BaseNode):
    """One whose result is kept in the state."""

    to: Name | None = Field(None, description="Key of the state that takes the result; null: the node's own name.")
    guard: GuardSpec | None = Field(None, description="What the result must pass before it is kept.")


class Says(Spec):
    """One message that a model is shown."""

    role: Literal["system", "user", "assistant"]
    content: Template


class LlmNode(WritingNode):
    """Asks a language model. The result is a text; with ``output`` a value of that schema; with ``tools`` what the model says when it calls
    no more."""

    kind: Literal["llm"]
    model: str | None = Field(None, max_length=200, description="Template. Model or alias; null: the run's, else the first of the profile.")
    prompt: str | None = Field(
        None, max_length=200, description="A system prompt of the organisation by name, `name@version` for one version."
    )
    system: Template | None = Field(None, description="Template. What the model is told; not with `prompt`.")
    user: Template | None = Field(None, description="Template. What it is asked; `messages` for more than one turn.")
    messages: Expression | list[Says] | None = Field(
        None, description="Messages, or an expression that is a list of `{role, content}`, such as `input.messages`."
    )
    images: Expression | None = Field(
        None, description="Expression: a list of files of the workspace, or of `data:` URLs, that it is shown."
    )
    output: dict[str, Any] | None = Field(None, description="JSON Schema of the answer; the model is held to it.")
    tools: list[str] = Field(default_factory=list, max_length=64, description="Tools that it may call, by name.")
    approve: bool = Field(True, description="Whether a person is asked before a tool that is marked dangerous is called.")
    rounds: int = Field(8, ge=1, le=100, description="Most turns of calling tools.")
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    stream: bool = Field(False, description="Whether what it says is what a chat with this graph streams.")

    @model_validator(mode="after")
    def _asked(self) -> LlmNode:
        if (self.user is None) == (self.messages is None):
            raise ValueError("give 'user' or 'messages', one of them")
        if self.prompt is not None and self.system is not None:
            raise ValueError("give 'prompt' or 'system', not both")
        if self.retry is not None and self.retry.attempts > 3:
            raise ValueError("a node of kind 'llm' is tried three times at most; lower 'retry.attempts'")
        return self


class VisionNode(WritingNode):
    """The text in a picture or a PDF (``read``, by OCR where it is no text already), or the vector of a picture (``embed``)."""

    kind: Literal["vision"]
    model: str | None = Field(None, max_length=200, description="Null: the first of its kind in the profile.")
    do: Literal["read", "embed"] = "read"
    image: Expression = Field(description="Expression: a file of the workspace, an id of `/v1/files` (`file-...`), or a `data:` URL.")


class AudioNode(WritingNode):
    """Speech as text: ``{text, language, segments: [{start, end, text}]}``."""

    kind: Literal["audio"]
    model: str | None = Field(None, max_length=200, description="Null: the first of its kind in the profile.")
    audio: Expression = Field(description="Expression: a file of the workspace, an id of `/v1/files`, or a `data:` URL.")
    language: str | None = Field(None, max_length=8, description="ISO 639-1; null: it is detected.")


class EmbedNode(WritingNode):
    """Vectors of texts: a list of lists of numbers."""

    kind: Literal["embed"]
    model: str | None = Field(None, max_length=200, description="Null: the first of its kind in the profile.")
    texts: Expression = Field(description="Expression: a list of texts.")


class RetrieveNode(WritingNode):
    """Passages of collections: a list of ``{number, text, document, path, page, score, collection}``, the best first."""

    kind: Literal["retrieve"]
    query: Expression = Field(description="Expression: the question, a text.")
    collections: Expression | list[str] | None = Field(None, description="Names, or an expression that is a list of them; null: all.")
    settings: str = Field("default", max_length=64, description="Way to search, of configs/retrieval.")
    limit: int | None = Field(None, ge=1, le=100, description="Passages; null: what the way to search says.")


class ToolNode(WritingNode):
    """Calls one tool. The result is what it gives back."""

    kind: Literal["tool"]
    tool: str = Field(min_length=1, max_length=200, description="Its name.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Values; a text of the form `= expression` is an expression.")
    approve: bool = Field(True, description="Whether a person is asked before a tool that is marked dangerous is called.")


class TransformNode(WritingNode):
    """Computes values of the state, without a model and without code. With ``set``, several at once; each sees the state as it was
    before."""

    kind: Literal["transform"]
    value: Expression | None = Field(None, description="Expression; its value goes to `to`.")
    set: dict[Name, Expression] | None = Field(None, description="Expressions by key of the state.")

    @model_validator(mode="after")
    def _one(self) -> TransformNode:
        if (self.value is None) == (self.set is None):
            raise ValueError("give 'value' or 'set', one of them")
        return self


class RouterNode(BaseNode):
    """Chooses what follows: the first edge whose condition holds, or, with ``choose``, the one that a model names."""

    kind: Literal["router"]
    choose: Template | None = Field(
        None, description="Template. What a model is to decide; it answers with the name of one following node."
    )
    model: str | None = Field(None, max_length=200, description="Template. Null: as for `llm`.")


class MapNode(WritingNode):
    """Runs a node for every item of a list. The result is the list of its results, in order. What was done for one item is kept: after a
    failure or a crash only the rest is done."""

    kind: Literal["map"]
    over: Expression = Field(description="Expression: a list.")
    each: InnerNode = Field(description="The node; it sees `item` and `index`.")
    parallel: int = Field(4, ge=1, le=64, description="Items at once.")
    most: int = Field(1000, ge=1, le=100_000, description="Longest list that is taken.")
    skip_errors: bool = Field(False, description="Whether an item that failed becomes null, and the others go on.")


class JoinNode(BaseNode):
    """Waits for every branch that leads here."""

    kind: Literal["join"]


class GraphNode(WritingNode):
    """Runs another graph, within this run and its limits. The result is its output."""

    kind: Literal["graph"]
    graph: str = Field(min_length=1, max_length=200, description="Its name, `name@version` for one version.")
    input: dict[str, Any] = Field(default_factory=dict, description="Its input; a text of the form `= expression` is an expression.")


class HumanNode(WritingNode):
    """Waits until a person answers, for days if need be. The result is the answer."""

    kind: Literal["human"]
    ask: Template = Field(description="Template. What the person is asked.")
    show: Expression | None = Field(None, description="Expression: what the person is shown with it.")
    answer: dict[str, Any] = Field(
        default_factory=lambda: {"type": "object"}, description="JSON Schema of the answer; others are refused, and the run waits on."
    )
    expires_s: float | None = Field(None, gt=0, le=366 * 86400, description="Seconds after which nobody will answer: the node has failed.")


class WaitNode(BaseNode):
    """Waits for a while, or until a time."""

    kind: Literal["wait"]
    seconds: Expression | float | None = Field(None, description="Seconds, or an expression.")
    until: Expression | None = Field(None, description="Expression: a timestamp, or a text in ISO 8601.")

    @model_validator(mode="after")
    def _one(self) -> WaitNode:
        if (self.seconds is None) == (self.until is None):
            raise ValueError("give 'seconds' or 'until', one of them")
        return self


class GuardNode(WritingNode):
    """Checks a value, and gives it back as it may be used."""

    kind: Literal["guard"]
    value: Expression = Field(description="Expression: what is checked.")
    guard: GuardSpec = Field(description="What it must pass.")


# What may stand in a map.
InnerNode = Annotated[
    LlmNode | VisionNode | AudioNode | EmbedNode | RetrieveNode | ToolNode | TransformNode | GraphNode | GuardNode,
    Field(discriminator="kind"),
]
Node = Annotated[
    LlmNode
    | VisionNode
    | AudioNode
    | EmbedNode
    | RetrieveNode
    | ToolNode
    | TransformNode
    | RouterNode
    | MapNode
    | JoinNode
    | GraphNode
    | HumanNode
    | WaitNode
    | GuardNode,
    Field(discriminator="kind"),
]
MapNode.model_rebuild()
