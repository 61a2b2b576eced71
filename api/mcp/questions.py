"""Questions to an MCP client and its answers, as the protocol has them."""

from __future__ import annotations

from typing import Any

from mcp_types import (
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    FormElicitationCapability,
    InputRequest,
    InputResponse,
    ListRootsRequest,
    ListRootsResult,
    RootsCapability,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel

from cluster.json_schema import mistake
from cluster.tools.asking import Answer, AskFolders, AskModel, AskPerson, Question

RESULTS: dict[type[Question], type[BaseModel]] = {AskPerson: ElicitResult, AskModel: CreateMessageResult, AskFolders: ListRootsResult}
NEEDED: dict[type[Question], ClientCapabilities] = {
    AskPerson: ClientCapabilities(elicitation=ElicitationCapability(form=FormElicitationCapability())),
    AskModel: ClientCapabilities(sampling=SamplingCapability()),
    AskFolders: ClientCapabilities(roots=RootsCapability()),
}


def request_of(question: Question) -> InputRequest:
    if isinstance(question, AskPerson):
        return ElicitRequest(params=ElicitRequestFormParams(message=question.message, requested_schema={**question.schema}))
    if isinstance(question, AskFolders):
        return ListRootsRequest()
    said = SamplingMessage(role="user", content=TextContent(text=question.text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[said], max_tokens=question.most_tokens))


def answer_in(question: Question, response: InputResponse | BaseModel | None) -> Answer | None:
    """None for what does not answer ``question``: it is put again then."""
    if isinstance(question, AskPerson) and isinstance(response, ElicitResult):
        if response.action != "accept":
            return Answer(response.action)
        value: dict[str, Any] = {**(response.content or {})}
        return Answer("accept", value) if mistake(value, question.schema) is None else None
    if isinstance(question, AskModel) and isinstance(response, CreateMessageResult):
        said = response.content
        return Answer("accept", {"text": said.text if isinstance(said, TextContent) else ""})
    if isinstance(question, AskFolders) and isinstance(response, ListRootsResult):
        return Answer("accept", {"roots": [{"uri": str(root.uri), "name": root.name} for root in response.roots]})
    return None


def is_offered(question: type[Question], capabilities: ClientCapabilities | None) -> bool:
    """A client of before forms and addresses were told apart says no more of elicitation than that it has it: that was forms."""
    if capabilities is None:
        return False
    if question is AskPerson:
        had = capabilities.elicitation
        return had is not None and (had.form is not None or had.url is None)
    return (capabilities.sampling if question is AskModel else capabilities.roots) is not None
