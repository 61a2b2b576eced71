"""Transcripts as subtitle files."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.contracts.perception import Segment


def srt(segments: Sequence[Segment]) -> str:
    """SubRip: numbered from 1, ``HH:MM:SS,mmm``."""
    cues = [f"{number}\n{_time(s.start, ',')} --> {_time(s.end, ',')}\n{_cue(s.text)}\n" for number, s in enumerate(segments, 1)]
    return "\n".join(cues)


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT: a header line, ``HH:MM:SS.mmm``; ``&``, ``<`` and ``>`` are markup there and are escaped."""
    cues = [f"{_time(s.start, '.')} --> {_time(s.end, '.')}\n{_escaped(_cue(s.text))}\n" for s in segments]
    return "\n".join(["WEBVTT\n", *cues])


def _cue(text: str) -> str:
    """One paragraph: an arrow would look like a time, an empty line would end the cue."""
    return " ".join(text.replace("-->", "->").split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, separator: str) -> str:
    millis = max(0, round(seconds * 1000))
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{millis // 1000:02}{separator}{millis % 1000:03}"
