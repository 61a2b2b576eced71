"""Text as a reader sees it: composed letters, plain line ends, no invisible characters."""

from __future__ import annotations

import re
import unicodedata

# Control characters but tab and newline; soft hyphens, joiners of nothing, marks of byte order, and characters that turn the direction of
# writing or hide text in tags. Zero-width joiners stay: Persian, Hindi and emoji are written with them.
DROPPED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
LINE_ENDS = re.compile("\r\n?|\u2028|\u2029|\x0b|\x0c|\x85")
SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def clean_text(text: str, keep_spaces: bool = False) -> str:
    """The text composed (NFC), with plain line ends and without invisible characters; ``keep_spaces``: indentation means something."""
    text = DROPPED.sub("", LINE_ENDS.sub("\n", unicodedata.normalize("NFC", text)))
    # Dropping what stood between two letters may have made them a pair that composes.
    text = unicodedata.normalize("NFC", text)
    if keep_spaces:
        return text.strip("\n")
    return "\n".join(SPACES.sub(" ", line).strip() for line in text.split("\n")).strip("\n")
