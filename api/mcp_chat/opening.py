"""What a chat with tools begins with in a conversation: its question written down, the documents that are attached looked up, and all of
it made to fit the model's context, as for any other answer there."""

from __future__ import annotations

from api.conversations.schemas import stored, text_of
from api.mcp_chat.keeping import Keeping, Unbriefed
from api.mcp_chat.schemas import McpChatBody
from api.retrieval.citations import KnowledgeWish
from api.retrieval.service import Knowledge
from api.streams.compacting import Compacting
from api.streams.fitting import Unsettled
from api.streams.grounding import asked_last
from api.streams.window import Measure
from cluster.contracts.generation import GenerationRequest
from cluster.contracts.models import ModelStatus
from cluster.errors import Conflict
from cluster.learning.releases.entry import ReleaseEntry
from cluster.retrieval.briefing import Briefing

# As often as a summary can leave fewer messages as they are, and the context can be counted again after each.
_ATTEMPTS = 30


class Opening:
    """For one request of one person. Models are asked, for a search or a summary, while no transaction is open."""

    def __init__(self, knowledge: Knowledge, compacting: Compacting, measure: Measure) -> None:
        self._knowledge = knowledge
        self._compacting = compacting
        self._measure = measure

    async def open(
        self, keeping: Keeping, body: McpChatBody, status: ModelStatus, request: GenerationRequest
    ) -> tuple[GenerationRequest, Briefing | None]:
        """``request`` with what the model is told, and what it is to cite. Raises ContextLengthExceeded where that cannot be made to fit;
        then nothing was written down."""
        fitting = self._compacting.fitting(self._measure, keeping.conversation_id, body.model)
        briefing, looked = None, False
        for _ in range(_ATTEMPTS):
            try:
                return await keeping.begin(body, status, request, fitting, briefing, looked=looked), briefing
            except Unbriefed as found:
                briefing, looked = await self._brief(found.wish, body, status, keeping.release), True
            except Unsettled as unsettled:
                await fitting.settle(unsettled.draft)
        raise Conflict("The conversation changed again and again while its answer was prepared; send the request again.")

    async def _brief(self, wish: KnowledgeWish, body: McpChatBody, status: ModelStatus, release: ReleaseEntry | None) -> Briefing | None:
        asked = text_of(stored(body.content or []))
        if not asked.strip():
            return None  # a picture alone, for example, of which nobody said that it was to be looked up
        searching = release.searching if release else None
        return await self._knowledge.brief(wish, asked_last([("user", asked)]), status, attached=True, released=searching)
