"""Training text made by our own code: invented facts in short passages, questions about them, and exercises in copying."""

from training.nano.corpus.chat import ABSTENTION, Conversation, Message, ask, ask_numbered
from training.nano.corpus.splits import Split
from training.nano.corpus.stream import SKILLS, Stream, conversations

__all__ = ["ABSTENTION", "SKILLS", "Conversation", "Message", "Split", "Stream", "ask", "ask_numbered", "conversations"]
