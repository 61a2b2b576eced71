"""Text of a document in a prompt: what chat templates are made of is broken up.

Engines read the marks of a template (``<|im_start|>``, ``</s>``, ``[INST]``) wherever they stand in a prompt. Written in a document they
would end the message that it is quoted in, and begin one of the system's.
"""

from __future__ import annotations

import re

NAMES = "s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|think|thinking|tool_call|tool_response|tools"
ANGLES = re.compile(rf"<(?=[|\uff5c]|<SYS>>|<?/SYS>>|/?(?:{NAMES})>)", re.IGNORECASE)
BRACKETS = re.compile(r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])", re.IGNORECASE)


def harmless(text: str) -> str:
    """The same for people; no mark of a chat template is whole."""
    return BRACKETS.sub("[ ", ANGLES.sub("< ", text))
