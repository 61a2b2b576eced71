"""Choosing among tools, and setting them: in one transaction with the line of the audit log that says so."""

from __future__ import annotations

from pydantic import ValidationError

from api.audit.trail import Origin, Trail
from api.conversations.service import WRITERS, Conversations
from api.tools.schemas import ChoiceBody, options_of
from api.web.deps import Parts
from api.web.errors import explain
from api.web.principal import Principal
from cluster.errors import Unprocessable
from cluster.tools.choices import Scope, set_choice, set_options
from cluster.tools.toolbox import Entry


class ToolChanges:
    """Each method is one transaction."""

    def __init__(self, parts: Parts, who: Principal, origin: Origin) -> None:
        self._parts = parts
        self._who = who
        self._origin = origin

    async def choose(self, scope: Scope, body: ChoiceBody | None) -> None:
        """None: as if nothing had been chosen. Raises NotFound for a conversation that the person does not see, Forbidden where their part
        in it is too small."""
        async with self._parts.stores.database.session() as session:
            if scope.conversation_id is not None:
                conversations = Conversations(session, self._parts.settings.conversations, self._who)
                await conversations.get(scope.conversation_id, roles=WRITERS)
            await set_choice(session, scope, body.choice if body is not None else None)
            allow, deny = (body.allow, body.deny) if body is not None else (None, None)
            Trail(session, self._origin, self._who).record("tools.chosen", f"tools:{scope.name}", allow=allow, deny=deny)

    async def set(self, entry: Entry, values: dict[str, object]) -> None:
        """Raises Unprocessable for what the tool does not know."""
        try:
            options = options_of(entry, values)
        except ValidationError as error:
            shape = list(type(entry.options).model_fields)
            raise explain(error.errors(include_url=False), values, fields=shape, kind=Unprocessable) from None
        told = options.model_dump(mode="json", exclude_unset=True)
        async with self._parts.stores.database.session() as session:
            await set_options(session, self._who.organisation_id, entry.spec.name, told)
            Trail(session, self._origin, self._who).record("tool.set", f"tool:{entry.spec.name}", settings=sorted(told))
