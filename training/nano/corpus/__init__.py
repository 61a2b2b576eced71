"""Training text made by our own code: invented facts in short passages, questions about them, and exercises in copying."""

from training.nano.corpus.chat import ABSTENTION, Conversation, Message, ask
from training.nano.corpus.splits import Split
from training.nano.corpus.stream import Stream, conversations

__all__ = ["ABSTENTION", "Conversation", "Message", "Split", "Stream", "ask", "conversations"]
