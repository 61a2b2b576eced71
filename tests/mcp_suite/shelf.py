"""The resources that the protocol's conformance suite reads, and its prompts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from mcp_types import Completion, Resource, ResourceTemplate

from api.mcp.content import Contents, contents_of
from api.mcp.shelf import NOTHING
from api.web.principal import Principal
from cluster.errors import NotFound
from tests.mcp_suite.tools import PNG

TEMPLATE = re.compile(r"test://template/([^/]+)/data")
STATIC = {
    "test://static-text": ("text/plain", b"This is the content of the static text resource."),
    "test://static-binary": ("image/png", PNG),
    "test://watched-resource": ("text/plain", b"Watched resource content"),
    "test://example-resource": ("text/plain", b"Embedded resource content for testing."),
}
# Name, text, defaults. A value that names a resource stands before the text.
PROMPTS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("test_simple_prompt", "This is a simple prompt for testing.", {}),
    ("test_prompt_with_arguments", "Prompt with arguments: arg1='$arg1', arg2='$arg2'", {}),
    ("test_prompt_with_embedded_resource", "Please process the resource $resourceUri.", {}),
    ("test_prompt_with_image", "Please analyze the image $image.", {"image": "test://static-binary"}),
    ("test_input_required_result_prompt", "Use $context.", {}),
)


class SuiteShelf:
    """A Shelf of everybody's."""

    name = "suite"
    templates = (ResourceTemplate(name="data", uri_template="test://template/{id}/data", mime_type="application/json"),)

    def holds(self, uri: str) -> bool:
        return uri.startswith("test://")

    async def page(self, who: Principal, after: str | None, most: int) -> Sequence[tuple[str, Resource]]:
        uris = [uri for uri in STATIC if after is None or uri > after]
        return [(uri, Resource(name=uri, uri=uri, mime_type=STATIC[uri][0], description="For the suite.")) for uri in sorted(uris)][:most]

    async def read(self, who: Principal, uri: str) -> Contents:
        if found := TEMPLATE.fullmatch(uri):
            told = {"id": found[1], "templateTest": True, "data": f"Data for ID: {found[1]}"}
            return contents_of(uri, "application/json", json.dumps(told).encode())
        if uri not in STATIC:
            raise NotFound("There is no such resource.")
        return contents_of(uri, *STATIC[uri])

    async def complete(self, who: Principal, template: str, argument: str, begun: str) -> Completion:
        return NOTHING
