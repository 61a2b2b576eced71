"""Which conversations others of an organisation may learn from."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from api.conversations.tables import Conversation

# In the metadata of a conversation: its owner agrees that its answers are read by others of the organisation, to label them, and that what
# the owner asked in it is compared with what adapters were trained on.
CONSENT = {"consent_to_learning": True}


def consents() -> ColumnElement[bool]:
    """Of a row of conversations."""
    return Conversation.details.contains(CONSENT)
